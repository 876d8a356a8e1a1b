import type { ClientEvent } from "../observation.js";
import { violated } from "./violation.js";

/** What an operation is told when nobody serves it: no progress, unlike any other answer. */
const unserved: ReadonlySet<string> = new Set([
  "NO_QUORUM",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "OUTCOME_UNKNOWN",
]);

/** Milliseconds until a server that was cut off is connected to its peers again: a dial that hangs, and a pause. */
const PEER_REDIAL_MS = 4_000;
/** Milliseconds after which a client knows that its connection hangs: a ping and its timeout. */
const PING_MS = 8_000;
/** Milliseconds in which a client has tried every other server, and been welcomed. */
const CLIENT_MOVE_MS = 5_000;
/** Milliseconds for an operation that fails for want of an answer, and the question what became of it. */
const GIVE_UP_MS = 8_000;
/** Milliseconds between two marks of progress of a quiet watch, and the server's looks for it. */
const MARK_MS = 6_000;

/** Election timeouts of a node's patience with a leader, at most, by jitter: `1 + ELECTION_JITTER` of raft/core.ts. */
const LONGEST_TIMEOUT = 1.6;
/** Elections in which votes are split before one is decided. */
const SPLITS = 3;

/** What bounds follow from. */
export interface Clocks {
  readonly electionTimeoutMs: number;
  readonly clockDriftMax: number;
}

/**
 * How long each may take, in milliseconds of true time, from the moment at which nothing stands in its way any more.
 * Each is the sum of what the code waits for, one after the other, by its own constants; none is a measured time.
 */
export function progressBounds({ electionTimeoutMs, clockDriftMax }: Clocks) {
  const slowest = 1 / (1 - clockDriftMax);
  // An old leader gives up within two timeouts, and the others elect the next.
  const electedMs = (2 + SPLITS * LONGEST_TIMEOUT) * electionTimeoutMs * slowest + PEER_REDIAL_MS;
  // A leader that hears nobody steps down, its follower misses it, and knows none for two timeouts.
  const noticedMs = (2 + LONGEST_TIMEOUT + 2) * electionTimeoutMs * slowest + 500;
  const movedMs = (PING_MS + CLIENT_MOVE_MS) * slowest;
  return {
    /** Until a client that sees a majority has an answer. */
    progressMs: Math.max(electedMs, movedMs) + GIVE_UP_MS * slowest,
    /** Until a node without a way to a majority serves no watch any more. */
    watchesEndMs: noticedMs,
    /** Until a watch at a client that sees a majority hears something. */
    heardMs: Math.max(electedMs, noticedMs + movedMs) + MARK_MS * slowest,
    /** Until a watch that nobody can serve ends, when it is to bear that for so long. */
    endedMs: (unservedMs: number): number =>
      Math.max(noticedMs, PING_MS * slowest) + (unservedMs + CLIENT_MOVE_MS) * slowest,
  };
}

/** A client as it was found at a look. */
export interface ClientLook {
  /** The process, whatever its sessions are called. */
  readonly host: string;
  /** Whether it begins one operation after the other. */
  readonly busy: boolean;
  /** Since when it has seen a majority that is well; undefined while it sees none. */
  readonly majoritySinceMs: number | undefined;
  /** Since when nothing that it sees has had a way to a majority; undefined while something has. */
  readonly lostSinceMs: number | undefined;
}

/** A server as it was found at a look. */
export interface ServerLook {
  readonly name: string;
  readonly watches: number;
  /** Since when it has had no way to a majority; undefined while it has one. */
  readonly cutOffSinceMs: number | undefined;
}

interface Sentinel {
  readonly client: string;
  readonly unservedMs: number;
  readonly openedMs: number;
  heardMs: number;
}

/**
 * PROGRESS, while faults last: a client that sees a majority which is well is served within a bound, and a watch of it
 * hears something; a node without a way to a majority ends its watches, and a watch that no node can serve ends with an
 * error, within the bound that its options state.
 */
export class Progress {
  readonly #bounds: ReturnType<typeof progressBounds>;
  /** By host: when it was last served. */
  readonly #servedMs = new Map<string, number>();
  readonly #sentinels = new Map<number, Sentinel>();
  /** How often something was demanded, rather than that nothing stood long enough to demand it. */
  demands = 0;

  constructor(clocks: Clocks) {
    this.#bounds = progressBounds(clocks);
  }

  event(event: ClientEvent): void {
    const { client, trueMs } = event;
    switch (event.kind) {
      case "failed":
        if (!unserved.has(event.code)) this.#servedMs.set(hostOf(client), trueMs);
        return;
      case "returned":
        this.#servedMs.set(hostOf(client), trueMs);
        return;
      case "sentinelOpened":
        this.#sentinels.set(event.sentinel, {
          client,
          unservedMs: event.unservedMs,
          openedMs: trueMs,
          heardMs: trueMs,
        });
        return;
      case "sentinelHeard": {
        const sentinel = this.#sentinels.get(event.sentinel);
        if (sentinel !== undefined) sentinel.heardMs = trueMs;
        return;
      }
      case "sentinelEnded":
        this.#sentinels.delete(event.sentinel);
        return;
      case "killed":
        for (const [id, sentinel] of this.#sentinels)
          if (sentinel.client === client) this.#sentinels.delete(id);
        return;
      default:
        return;
    }
  }

  looked(clients: readonly ClientLook[], servers: readonly ServerLook[], trueMs: number): void {
    for (const client of clients) this.#checkClient(client, trueMs);
    for (const server of servers) this.#checkServer(server, trueMs);
  }

  #checkClient({ host, busy, majoritySinceMs, lostSinceMs }: ClientLook, nowMs: number): void {
    if (majoritySinceMs !== undefined) {
      const servedMs = this.#servedMs.get(host) ?? 0;
      if (busy && this.#isOver(majoritySinceMs, servedMs, this.#bounds.progressMs, nowMs)) {
        violated("PROGRESS", `${host} sees a majority, and was served nothing for too long`, {
          ...{ host, majoritySinceMs, servedMs, atMostMs: this.#bounds.progressMs },
        });
      }
      for (const { client, heardMs } of this.#of(host)) {
        if (!this.#isOver(majoritySinceMs, heardMs, this.#bounds.heardMs, nowMs)) continue;
        violated("PROGRESS", `a watch of ${client}, which sees a majority, hears nothing for too long`, {
          ...{ client, majoritySinceMs, heardMs, atMostMs: this.#bounds.heardMs },
        });
      }
    }
    if (lostSinceMs === undefined) return;
    for (const { client, openedMs, unservedMs } of this.#of(host)) {
      const atMostMs = this.#bounds.endedMs(unservedMs);
      if (!this.#isOver(lostSinceMs, openedMs, atMostMs, nowMs)) continue;
      violated("PROGRESS", `a watch of ${client}, which no node can serve, does not end`, {
        ...{ client, lostSinceMs, openedMs, unservedMs, atMostMs },
      });
    }
  }

  #checkServer({ name, watches, cutOffSinceMs }: ServerLook, nowMs: number): void {
    if (cutOffSinceMs === undefined) return;
    const atMostMs = this.#bounds.watchesEndMs;
    if (!this.#isOver(cutOffSinceMs, 0, atMostMs, nowMs) || watches === 0) return;
    violated("PROGRESS", `${name} has no way to a majority, and keeps its watches`, {
      ...{ name, watches, cutOffSinceMs, atMostMs },
    });
  }

  /** Whether the bound has passed since both moments. */
  #isOver(possibleSinceMs: number, doneMs: number, atMostMs: number, nowMs: number): boolean {
    if (nowMs - possibleSinceMs > atMostMs) this.demands += 1;
    return nowMs - Math.max(possibleSinceMs, doneMs) > atMostMs;
  }

  *#of(host: string): Generator<Sentinel> {
    for (const sentinel of this.#sentinels.values()) if (hostOf(sentinel.client) === host) yield sentinel;
  }
}

/** A client's sessions are called after its process: c1, c1.1, c1.2 … */
function hostOf(client: string): string {
  return client.split(".", 1)[0] ?? client;
}
