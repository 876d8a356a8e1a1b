import { bounds } from "../config.js";
import { StateDivergence } from "./state-divergence.js";
import { StateHashes } from "./state-hashes.js";

/** What nodes say to each other about their states. */
export type AgreementMessage =
  | { readonly kind: "sample" | "answer"; readonly index: number; readonly hash: string }
  | { readonly kind: "verdict"; readonly index: number; readonly hash: string; readonly majority: boolean };

/** What comparing states takes of its node. */
export interface AgreementParts {
  readonly self: number;
  /** The leader this node follows, itself included; 0 for none. */
  readonly leader: () => number;
  /** Members with a vote, as of the newest configuration. */
  readonly voters: () => readonly number[];
  /** The other members that understand these messages. */
  readonly others: () => readonly number[];
  readonly send: (to: number, message: AgreementMessage) => void;
  /** Milliseconds between two comparisons. */
  readonly intervalMs: number;
  /** Milliseconds after which a difference that no majority decides counts against the follower. */
  readonly patienceMs: number;
}

/** What members have at one index: at the leader. */
interface Round {
  readonly index: number;
  readonly hashes: Map<number, string>;
}

/**
 * Compares the states of all nodes, all the time: the leader tells the hash of its state at an index, every other node
 * answers with its own at that index, as soon as it has applied it, and the leader counts.
 *
 * Invariant: nodes that applied the same index have the same state. Where that does not hold, no node goes on that may be
 * wrong: with a majority of the voters for one hash, whoever has another stops, the leader included; without one, those
 * that differ from the leader stop, and then too few are left to serve anything but what they agree on.
 */
export class StateAgreement {
  private readonly parts: AgreementParts;
  private readonly own = new StateHashes(bounds.stateHashesKept);
  // Samples of indexes that this node has not applied yet, by index, with who asked.
  private readonly awaited = new Map<number, number>();
  // The leader's newest rounds, by index.
  private readonly rounds = new Map<number, Round>();
  /** A round with different hashes that waits for a majority, and since when. */
  private dispute: { readonly round: Round; readonly sinceMs: number } | undefined;
  private nextMs = 0;

  constructor(parts: AgreementParts) {
    this.parts = parts;
  }

  /** This node's state has this hash at this index: it applied the entry, or began with it. */
  applied(index: number, hash: string): void {
    this.own.note(index, hash);
    if (this.awaited.size === 0) return;
    for (const [awaited, from] of this.awaited) {
      if (awaited > index) continue;
      this.awaited.delete(awaited);
      this.answer(from, awaited);
    }
  }

  /** @throws StateDivergence when this node leads and must stop. */
  tick(nowMs: number): void {
    if (this.parts.leader() !== this.parts.self) {
      this.rounds.clear();
      this.dispute = undefined;
      return;
    }
    this.settleDispute(nowMs);
    if (nowMs < this.nextMs) return;
    this.nextMs = nowMs + this.parts.intervalMs;
    this.sample();
  }

  /** @throws StateDivergence when this node must stop. */
  receive(from: number, message: AgreementMessage, nowMs: number): void {
    switch (message.kind) {
      case "sample":
        this.sampled(from, message.index);
        return;
      case "answer":
        this.answered(from, message.index, message.hash, nowMs);
        return;
      case "verdict":
        this.judged(from, message);
        return;
    }
  }

  private sample(): void {
    const index = this.own.newestIndex;
    const hash = this.own.at(index);
    if (hash === undefined) return;
    if (!this.rounds.has(index)) {
      this.rounds.set(index, { index, hashes: new Map([[this.parts.self, hash]]) });
      for (const oldest of this.rounds.keys()) {
        if (this.rounds.size <= bounds.stateSamplesKept) break;
        this.rounds.delete(oldest);
      }
    }
    for (const to of this.parts.others()) this.parts.send(to, { kind: "sample", index, hash });
  }

  private sampled(from: number, index: number): void {
    if (index <= this.own.newestIndex) {
      this.answer(from, index);
      return;
    }
    this.awaited.set(index, from);
    for (const oldest of this.awaited.keys()) {
      if (this.awaited.size <= bounds.stateSamplesKept) break;
      this.awaited.delete(oldest);
    }
  }

  private answer(to: number, index: number): void {
    const hash = this.own.at(index);
    // It got there by a snapshot, or the question comes too late: the next one will do.
    if (hash !== undefined) this.parts.send(to, { kind: "answer", index, hash });
  }

  private answered(from: number, index: number, hash: string, nowMs: number): void {
    const round = this.rounds.get(index);
    if (round === undefined || this.parts.leader() !== this.parts.self) return;
    round.hashes.set(from, hash);
    const own = round.hashes.get(this.parts.self);
    if ([...round.hashes.values()].every((each) => each === own)) return;
    if (!this.decide(round)) this.dispute ??= { round, sinceMs: nowMs };
  }

  /** Whether a majority of the voters has one hash; then everybody with another is told, and stops. */
  private decide(round: Round): boolean {
    const right = majorityOf(round, this.parts.voters());
    if (right === undefined) return false;
    this.accuse(round, right, true);
    const own = round.hashes.get(this.parts.self);
    if (own !== undefined && own !== right) throw new StateDivergence(round.index, own, right, true);
    return true;
  }

  private settleDispute(nowMs: number): void {
    if (this.dispute === undefined) return;
    const { round, sinceMs } = this.dispute;
    const own = round.hashes.get(this.parts.self);
    if (this.decide(round)) this.dispute = undefined;
    else if (nowMs - sinceMs >= this.parts.patienceMs && own !== undefined) {
      this.dispute = undefined;
      this.accuse(round, own, false);
    }
  }

  private accuse({ index, hashes }: Round, right: string, majority: boolean): void {
    for (const [member, hash] of hashes) {
      if (hash === right || member === this.parts.self) continue;
      this.parts.send(member, { kind: "verdict", index, hash: right, majority });
    }
  }

  private judged(
    from: number,
    { index, hash, majority }: Extract<AgreementMessage, { kind: "verdict" }>,
  ): void {
    if (from !== this.parts.leader()) return;
    const own = this.own.at(index);
    if (own !== undefined && own !== hash) throw new StateDivergence(index, own, hash, majority);
  }
}

/** The hash that a majority of the voters has; undefined when none has. */
function majorityOf({ hashes }: Round, voters: readonly number[]): string | undefined {
  const counts = new Map<string, number>();
  for (const voter of voters) {
    const hash = hashes.get(voter);
    if (hash === undefined) continue;
    const count = (counts.get(hash) ?? 0) + 1;
    if (count > voters.length / 2) return hash;
    counts.set(hash, count);
  }
  return undefined;
}
