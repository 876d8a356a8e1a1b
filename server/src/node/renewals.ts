import { type Failure, noQuorum } from "./failure.js";

/** Called once with the TTL of each lease asked for, in milliseconds, 0 for one that does not exist. */
export type Renewed = (ttlsMs: readonly number[] | Failure) => void;

/** Keepalives passed on to the leader and not yet answered. */
export class Renewals {
  private readonly waiting = new Map<number, { readonly done: Renewed; readonly startedAtMs: number }>();
  private nextContext: number;

  /** Contexts count from `firstContext`, a random number: an answer to an earlier run of the process fits none. */
  constructor(firstContext: number) {
    this.nextContext = firstContext;
  }

  begin(done: Renewed, nowMs: number): number {
    const context = this.nextContext++;
    this.waiting.set(context, { done, startedAtMs: nowMs });
    return context;
  }

  answered(context: number, outcome: readonly number[] | Failure): void {
    const waiting = this.waiting.get(context);
    this.waiting.delete(context);
    waiting?.done(outcome);
  }

  /** A keepalive without an answer for `giveUpMs` fails; the client sends another. */
  expire(nowMs: number, giveUpMs: number): void {
    for (const [context, { startedAtMs }] of [...this.waiting]) {
      if (nowMs - startedAtMs >= giveUpMs) this.answered(context, noQuorum);
    }
  }

  failAll(failure: Failure): void {
    for (const context of [...this.waiting.keys()]) this.answered(context, failure);
  }
}
