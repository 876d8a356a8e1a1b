/**
 * What a leader knows of one follower. `probe`: one message at a time until the match is found. `replicate`: entries
 * are pipelined within a bounded window. `snapshot`: nothing is sent until the snapshot was transferred.
 */
export class Progress {
  state: "probe" | "replicate" | "snapshot" = "probe";
  /** The highest index known to be durable on the follower. */
  matchIndex = 0;
  /** The next index to send. */
  nextIndex: number;
  /** Whether the follower was heard from since the last quorum check. */
  recentlyActive = false;
  /** The newest read round the follower confirmed. */
  readRound = 0;
  /** In `probe`: a message is out and not yet answered. */
  private probeSent = false;
  /** In `replicate`: the last index of each message sent and not yet answered, in order. */
  private inflight: number[] = [];
  private readonly inflightMax: number;

  constructor(nextIndex: number, inflightMax: number) {
    this.nextIndex = nextIndex;
    this.inflightMax = inflightMax;
  }

  /** Whether nothing may be sent now. */
  get paused(): boolean {
    if (this.state === "probe") return this.probeSent;
    return this.state === "snapshot" || this.inflight.length >= this.inflightMax;
  }

  becomeProbe(): void {
    this.state = "probe";
    this.probeSent = false;
    this.inflight = [];
    this.nextIndex = this.matchIndex + 1;
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.inflight = [];
    this.nextIndex = this.matchIndex + 1;
  }

  becomeSnapshot(): void {
    this.state = "snapshot";
    this.inflight = [];
  }

  /** An AppendEntries ending at `lastIndex` was sent; with entries or, as a probe, without. */
  sent(lastIndex: number, hadEntries: boolean): void {
    if (this.state === "probe") {
      this.probeSent = true;
    } else if (hadEntries) {
      this.nextIndex = lastIndex + 1;
      this.inflight.push(lastIndex);
    }
  }

  /** The follower holds everything up to `index`. Returns whether that is news. */
  accepted(index: number): boolean {
    let answered = 0;
    while (answered < this.inflight.length && (this.inflight[answered] ?? 0) <= index) answered++;
    if (answered > 0) this.inflight.splice(0, answered);
    this.probeSent = false;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    return true;
  }

  /** The follower refused entries after `rejectedIndex`. Returns false for a stale refusal. */
  rejected(rejectedIndex: number, nextIndex: number): boolean {
    if (this.state === "replicate") {
      if (rejectedIndex <= this.matchIndex) return false;
      this.becomeProbe();
      return true;
    }
    if (this.nextIndex - 1 !== rejectedIndex) return false;
    this.nextIndex = Math.max(this.matchIndex + 1, Math.min(rejectedIndex, nextIndex));
    this.probeSent = false;
    return true;
  }

  /** A heartbeat was answered: a lost message may be made good now. */
  resume(): void {
    this.probeSent = false;
    // A full window whose answers were lost would stall for ever: let one more out, its answer tells the rest.
    if (this.state === "replicate" && this.inflight.length >= this.inflightMax) this.inflight.shift();
  }
}
