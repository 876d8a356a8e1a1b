/** Reads waiting at a leader, beyond which more are refused: each is one turn's batch of some node. */
const READS_PENDING_MAX = 10_000;

/** A read whose index waits for a quorum to confirm that this node still leads. */
export interface PendingRead {
  /** The node that asked. */
  readonly from: number;
  readonly context: number;
  /** The commit index when the read came in. */
  readonly index: number;
  /** The round of heartbeats sent after it came in. */
  readonly round: number;
}

/**
 * ReadIndex, thesis section 6.4. Each batch of reads opens a fresh round, a number never used twice in a leadership;
 * a follower's answer to a heartbeat of round r confirms every read of a round up to r, because all of them came in
 * before that heartbeat left.
 */
export class ReadRounds {
  private pending: PendingRead[] = [];
  /** Reads that came before the term's first commit: their index is not known yet. */
  private early: { from: number; context: number }[] = [];
  private newest = 0;

  get newestRound(): number {
    return this.newest;
  }

  get isEmpty(): boolean {
    return this.pending.length === 0;
  }

  get isFull(): boolean {
    return this.pending.length + this.early.length >= READS_PENDING_MAX;
  }

  /** Registers a read and returns its round. */
  open(from: number, context: number, index: number): number {
    this.newest++;
    this.pending.push({ from, context, index, round: this.newest });
    return this.newest;
  }

  defer(from: number, context: number): void {
    this.early.push({ from, context });
  }

  takeDeferred(): { from: number; context: number }[] {
    const early = this.early;
    this.early = [];
    return early;
  }

  /** Takes the reads confirmed by a quorum that answered round `confirmed` or a later one. */
  confirm(confirmed: number): PendingRead[] {
    let count = 0;
    while (count < this.pending.length && (this.pending[count]?.round ?? 0) <= confirmed) count++;
    return count === 0 ? [] : this.pending.splice(0, count);
  }

  /** Leadership is over: takes every read, none of them confirmed. */
  abandon(): { from: number; context: number }[] {
    const reads = [...this.pending, ...this.takeDeferred()];
    this.pending = [];
    return reads;
  }
}
