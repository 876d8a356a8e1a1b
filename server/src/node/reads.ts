import { bounds } from "../config.js";
import type { ReadState } from "../raft/index.js";
import { type Failure, noQuorum, overloaded } from "./failure.js";

/** Called once: without an argument when this node's state is fresh enough to read. */
export type Fresh = (failure?: Failure) => void;

interface ReadBatch {
  readonly callers: readonly Fresh[];
  readonly startedAtMs: number;
  /** When the last attempt was made. */
  attemptedAtMs: number;
}

/**
 * Linearizable reads: those of one turn of the event loop share one read index. Each attempt has a fresh context: an
 * answer to an earlier one may come from before the read began.
 */
export class Reads {
  private collected: Fresh[] = [];
  private readonly attempts = new Map<number, ReadBatch>();
  /** Confirmed reads whose index is not applied yet, in no order: there are few. */
  private confirmed: { index: number; batch: ReadBatch }[] = [];
  private nextContext: number;
  private count = 0;

  /** Contexts count from `firstContext`, a random number: an answer to an earlier run of the process fits none. */
  constructor(firstContext: number) {
    this.nextContext = firstContext;
  }

  get hasCollected(): boolean {
    return this.collected.length > 0;
  }

  /** Adds a read to this turn's. One that a keepalive waits for is never one too many: without it a lease ends. */
  collect(fresh: Fresh, ofLeases = false): void {
    if (!ofLeases && this.count >= bounds.pendingReadsMax) {
      fresh(overloaded("pending reads of this node", bounds.pendingReadsMax));
      return;
    }
    this.count++;
    this.collected.push(fresh);
  }

  /** Begins an attempt for this turn's reads and returns its context. */
  begin(nowMs: number): number {
    const context = this.nextContext++;
    this.attempts.set(context, { callers: this.collected, startedAtMs: nowMs, attemptedAtMs: nowMs });
    this.collected = [];
    return context;
  }

  /** Raft's answers; what can be served at `appliedIndex` is. */
  answered(states: readonly ReadState[], appliedIndex: number): void {
    for (const { context, index } of states) {
      const batch = this.attempts.get(context);
      if (batch === undefined) continue;
      this.attempts.delete(context);
      if (index === undefined) this.finish(batch.callers, noQuorum);
      else if (index <= appliedIndex) this.finish(batch.callers);
      else this.confirmed.push({ index, batch });
    }
  }

  applied(appliedIndex: number): void {
    if (this.confirmed.length === 0) return;
    const served = this.confirmed.filter(({ index }) => index <= appliedIndex);
    if (served.length === 0) return;
    this.confirmed = this.confirmed.filter(({ index }) => index > appliedIndex);
    for (const { batch } of served) this.finish(batch.callers);
  }

  /** Attempts without an answer for `retryMs` are made again; after `giveUpMs` there is no quorum. */
  expire(nowMs: number, retryMs: number, giveUpMs: number): number[] {
    const again: number[] = [];
    const late = this.confirmed.filter(({ batch }) => nowMs - batch.startedAtMs >= giveUpMs);
    if (late.length > 0) {
      this.confirmed = this.confirmed.filter(({ batch }) => nowMs - batch.startedAtMs < giveUpMs);
      for (const { batch } of late) this.finish(batch.callers, noQuorum);
    }
    for (const [context, batch] of [...this.attempts]) {
      if (nowMs - batch.startedAtMs >= giveUpMs) {
        this.attempts.delete(context);
        this.finish(batch.callers, noQuorum);
      } else if (nowMs - batch.attemptedAtMs >= retryMs) {
        this.attempts.delete(context);
        const fresh = this.nextContext++;
        batch.attemptedAtMs = nowMs;
        this.attempts.set(fresh, batch);
        again.push(fresh);
      }
    }
    return again;
  }

  failAll(failure: Failure): void {
    const batches = [
      ...this.attempts.values(),
      ...this.confirmed.map(({ batch }) => batch),
      { callers: this.collected },
    ];
    this.attempts.clear();
    this.confirmed = [];
    this.collected = [];
    for (const { callers } of batches) this.finish(callers, failure);
  }

  private finish(callers: readonly Fresh[], failure?: Failure): void {
    this.count -= callers.length;
    for (const fresh of callers) fresh(failure);
  }
}
