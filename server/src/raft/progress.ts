/**
 * What a leader knows of one follower. `probe`: one message at a time until the match is found. `replicate`: entries
 * are pipelined within a bounded window. `snapshot`: nothing is sent until the snapshot was transferred.
 */
export class Progress {
  state: "probe" | "replicate" | "snapshot" = "probe";
  /** Only voters count. One that is leaving was removed, and is fed until it knows. */
  standing: "voter" | "learner" | "leaving" = "learner";
  /** In `leaving`: index of the configuration without it. */
  removalIndex = 0;
  /** In `leaving`: it was given an election timeout since its removal was committed. */
  waited = false;
  /** The highest index known to be durable on the follower. */
  matchIndex = 0;
  /** The next index to send. */
  nextIndex: number;
  /** The leader's tick when the follower was last heard from. */
  heardAtTick = Number.NEGATIVE_INFINITY;
  /** The follower's own number of its last answer to a heartbeat, to be given back to it; 0 for none. */
  heardTick = 0;
  /** The newest read round the follower confirmed. */
  readRound = 0;
  /** In `probe`: a message is out and not yet answered. */
  private probeSent = false;
  /** In `replicate`: the last index of each message sent and not yet answered, in order. */
  private inflight: { readonly lastIndex: number; readonly bytes: number }[] = [];
  private inflightBytes = 0;
  private readonly inflightMax: number;
  private readonly inflightBytesMax: number;

  constructor(nextIndex: number, inflightMax: number, inflightBytesMax: number) {
    this.nextIndex = nextIndex;
    this.inflightMax = inflightMax;
    this.inflightBytesMax = inflightBytesMax;
  }

  /** Whether nothing may be sent now. */
  get paused(): boolean {
    if (this.state === "probe") return this.probeSent;
    return this.state === "snapshot" || this.windowFull;
  }

  private get windowFull(): boolean {
    return this.inflight.length >= this.inflightMax || this.inflightBytes >= this.inflightBytesMax;
  }

  private clearWindow(): void {
    this.inflight = [];
    this.inflightBytes = 0;
  }

  becomeProbe(): void {
    this.state = "probe";
    this.probeSent = false;
    this.clearWindow();
    this.nextIndex = this.matchIndex + 1;
  }

  /** A snapshot could not be transferred: tried again at the next answer to a heartbeat, not at the next proposal. */
  snapshotFailed(): void {
    this.becomeProbe();
    this.probeSent = true;
  }

  /** The member was removed by the configuration at `removalIndex`. */
  leave(removalIndex: number): void {
    this.standing = "leaving";
    this.removalIndex = removalIndex;
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.clearWindow();
    this.nextIndex = this.matchIndex + 1;
  }

  becomeSnapshot(): void {
    this.state = "snapshot";
    this.clearWindow();
  }

  /** An AppendEntries ending at `lastIndex` was sent; with `bytes` of entries, or with none. */
  sent(lastIndex: number, bytes: number | undefined): void {
    if (this.state === "probe") {
      this.probeSent = true;
    } else if (bytes !== undefined) {
      this.nextIndex = lastIndex + 1;
      this.inflight.push({ lastIndex, bytes });
      this.inflightBytes += bytes;
    }
  }

  /** The follower holds everything up to `index`. Returns whether that is news. */
  accepted(index: number): boolean {
    let answered = 0;
    for (const sent of this.inflight) {
      if (sent.lastIndex > index) break;
      this.inflightBytes -= sent.bytes;
      answered++;
    }
    if (answered > 0) this.inflight.splice(0, answered);
    this.probeSent = false;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    return true;
  }

  /**
   * The follower refused entries after `rejectedIndex`. Returns false for a stale refusal: the message is then not
   * answered, the next heartbeat's answer goes on.
   *
   * A follower that refuses what it once acknowledged has lost its disk. `matchIndex` never goes back, since commits
   * rest on it: such a node keeps refusing, one message a heartbeat, and is not fed silently as if it had lost nothing.
   * It is told apart by its data directory's identity, and comes back under a new id.
   */
  rejected(rejectedIndex: number, nextIndex: number): boolean {
    if (this.state === "replicate") {
      if (rejectedIndex <= this.matchIndex) return false;
      this.becomeProbe();
      return true;
    }
    if (this.nextIndex - 1 !== rejectedIndex || rejectedIndex <= this.matchIndex) return false;
    this.nextIndex = Math.max(this.matchIndex + 1, Math.min(rejectedIndex, nextIndex));
    this.probeSent = false;
    return true;
  }

  /** A heartbeat was answered: a lost message may be made good now. */
  resume(): void {
    this.probeSent = false;
    // A full window whose answers were lost would stall for ever: let one more out, its answer tells the rest.
    if (this.state === "replicate" && this.windowFull)
      this.inflightBytes -= this.inflight.shift()?.bytes ?? 0;
  }
}
