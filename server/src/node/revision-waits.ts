import { bounds } from "../config.js";
import { type Failure, overloaded } from "./failure.js";
import type { Fresh } from "./reads.js";

interface Wait {
  readonly revision: number;
  readonly fresh: Fresh;
  readonly giveUpAtMs: number;
}

/** Serializable reads that wait until this node has reached a revision. */
export class RevisionWaits {
  private waits: Wait[] = [];
  /** No wait is for a lower revision. */
  private lowest = Number.POSITIVE_INFINITY;

  add(revision: number, giveUpAtMs: number, fresh: Fresh): void {
    if (this.waits.length >= bounds.pendingReadsMax) {
      fresh(overloaded("reads of this node that wait for a revision", bounds.pendingReadsMax));
      return;
    }
    this.waits.push({ revision, fresh, giveUpAtMs });
    this.lowest = Math.min(this.lowest, revision);
  }

  /** This node has reached `revision`. */
  reached(revision: number): void {
    if (revision < this.lowest) return;
    this.settle(
      (wait) => wait.revision <= revision,
      () => undefined,
    );
  }

  /** Waits whose time is up fail: the node is too far behind. */
  expire(nowMs: number, revision: number): void {
    this.settle(
      (wait) => wait.giveUpAtMs <= nowMs,
      (wait) => ({
        kind: "failure",
        code: "FUTURE_REVISION",
        message: `this node has not reached revision ${wait.revision}; it stands at ${revision}`,
        revision,
      }),
    );
  }

  failAll(failure: Failure): void {
    this.settle(
      () => true,
      () => failure,
    );
  }

  private settle(ends: (wait: Wait) => boolean, outcome: (wait: Wait) => Failure | undefined): void {
    const { waits } = this;
    this.waits = waits.filter((wait) => !ends(wait));
    if (this.waits.length === waits.length) return;
    this.lowest = this.waits.reduce((low, { revision }) => Math.min(low, revision), Number.POSITIVE_INFINITY);
    for (const wait of waits) if (ends(wait)) wait.fresh(outcome(wait));
  }
}
