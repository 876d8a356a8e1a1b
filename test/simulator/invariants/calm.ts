import type { ClientEvent, NodeView } from "../observation.js";
import { violated } from "./violation.js";

/** Messages of an operation, one after the other, when its client is told to move to the leader first. */
const HOPS = 12;
/** Operations of all clients that may be under way at once, each an entry of its own. */
const ENTRIES_AT_ONCE = 40;
/** Milliseconds for what has a timer of its own: a first try that is refused, and the pause before the next. */
const RETRY_MS = 250;
/** How often the mean a delay that is drawn around it may be: once in 20,000 it is more. */
const LONG_DELAY = 10;

/** What the time of an operation is made of. */
export interface CalmConditions {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly turnDelayMs: number;
  readonly syncMs: number;
  /** AppendEntries that a leader has under way to one follower at once. */
  readonly appendsAtOnce: number;
}

/**
 * Milliseconds that an operation may take while nothing goes wrong: that each of its messages is as late as a message
 * ever is, and that it waits for all others, of which a leader may send a few entries at a time, each of which is answered
 * after a sync. A member has applied within the same time what was committed.
 */
export function calmLatencyMs(conditions: CalmConditions): number {
  const { latencyMs, jitterMs, turnDelayMs, syncMs, appendsAtOnce } = conditions;
  const linkMs = 1.5 * latencyMs;
  const lateMs = linkMs + LONG_DELAY * (jitterMs + turnDelayMs);
  const usualMs = linkMs + jitterMs + 2 * turnDelayMs;
  const rounds = Math.ceil(ENTRIES_AT_ONCE / appendsAtOnce);
  return RETRY_MS + HOPS * lateMs + rounds * (2 * usualMs + 2 * syncMs);
}

/** What an operation is told when the cluster does not serve it. */
const unserved: ReadonlySet<string> = new Set([
  "NO_QUORUM",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "OUTCOME_UNKNOWN",
]);

/** What of a calm is judged. */
export interface CalmScope {
  /** Ids of the members. */
  readonly members: ReadonlySet<number>;
  /** Whether a client, by its name, was started with a member that still is one: another may find none. */
  readonly reaches: (client: string) => boolean;
  /** Whether logs are so long that a member which was away can catch up by them. */
  readonly catchesUp: boolean;
}

interface Sample {
  readonly trueMs: number;
  readonly committedIndex: number;
}

/**
 * CALM: while nothing goes wrong, and everything has had time to settle, the leader stays, nobody stands for election,
 * every operation succeeds or is refused for what it asks within a bound, and every member keeps up. What it tells apart
 * from the healing at a run's end is that the clients' load goes on.
 */
export class CalmCheck {
  #scope: CalmScope | undefined;
  #leader: { readonly id: number; readonly term: number } | undefined;
  readonly #atMostMs: number;
  readonly #waiting = new Map<number, Extract<ClientEvent, { kind: "invoked" }>>();
  #samples: Sample[] = [];
  /** How many stretches there were, and what was done in them. */
  stretches = 0;
  operations = 0;

  constructor(conditions: CalmConditions) {
    this.#atMostMs = calmLatencyMs(conditions);
  }

  begins(scope: CalmScope): void {
    this.#scope = scope;
    this.stretches += 1;
  }

  ends(trueMs: number): void {
    this.#checkWaiting(trueMs);
    this.#scope = undefined;
    this.#leader = undefined;
    this.#waiting.clear();
    this.#samples = [];
  }

  /** Something happened at a node. */
  stepped(node: NodeView): void {
    if (this.#scope?.members.has(node.id) !== true) return;
    const { id, name, role, term } = node;
    if (role === "preCandidate" || role === "candidate") {
      violated("CALM", `${name} stands for election while nothing is wrong`, { node: id, role, term });
    }
    if (role !== "leader") return;
    this.#leader ??= { id, term };
    if (this.#leader.id === id && this.#leader.term === term) return;
    violated("CALM", `${name} leads term ${term} while nothing was wrong with the leader before`, {
      node: id,
      term,
      before: this.#leader,
    });
  }

  event(event: ClientEvent): void {
    if (this.#scope === undefined) return;
    switch (event.kind) {
      case "invoked":
        if (this.#scope.reaches(event.client)) this.#waiting.set(event.operation, event);
        return;
      case "returned":
      case "failed":
      case "unknown":
        this.#ended(event);
        return;
      default:
        return;
    }
  }

  #ended(event: Extract<ClientEvent, { kind: "returned" | "failed" | "unknown" }>): void {
    const invoked = this.#waiting.get(event.operation);
    if (invoked === undefined) return;
    this.#waiting.delete(event.operation);
    this.operations += 1;
    this.#checkLatency(invoked, event.trueMs);
    if (event.kind === "returned" || !unserved.has(event.code)) return;
    const what = `${event.client}'s ${invoked.call.f}`;
    violated("CALM", `${what} ends with ${event.code} while nothing is wrong`, {
      ...event,
      call: invoked.call,
    });
  }

  #checkLatency(
    { client, operation, call, trueMs: sinceMs }: Extract<ClientEvent, { kind: "invoked" }>,
    nowMs: number,
  ): void {
    const tookMs = nowMs - sinceMs;
    if (tookMs <= this.#atMostMs) return;
    violated("CALM", `${client}'s ${call.f} takes ${Math.round(tookMs)} ms while nothing is wrong`, {
      ...{ operation, call, sinceMs, tookMs, atMostMs: this.#atMostMs },
    });
  }

  #checkWaiting(trueMs: number): void {
    for (const invoked of this.#waiting.values()) this.#checkLatency(invoked, trueMs);
  }

  /** A look at everything, from time to time. `committedIndex` is the highest anywhere. */
  looked(nodes: readonly NodeView[], committedIndex: number, trueMs: number): void {
    const scope = this.#scope;
    if (scope === undefined) return;
    this.#checkWaiting(trueMs);
    if (!scope.catchesUp) return;
    this.#samples.push({ trueMs, committedIndex });
    const old = this.#samples.findLast((sample) => sample.trueMs <= trueMs - this.#atMostMs);
    if (old === undefined) return;
    for (const node of nodes) {
      if (!scope.members.has(node.id) || node.appliedIndex >= old.committedIndex) continue;
      violated("CALM", `${node.name} lags more than ${this.#atMostMs} ms behind while nothing is wrong`, {
        ...{ node: node.id, applied: node.appliedIndex, committedThen: old.committedIndex },
      });
    }
  }
}
