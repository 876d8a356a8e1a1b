import type { RaftConfig } from "./config.js";
import { encodeConfiguration } from "./configuration.js";
import type { HardState, LogEntry, LogPosition } from "./entry.js";
import { Hearing } from "./hearing.js";
import { invariant } from "./invariant.js";
import { RaftLog } from "./log.js";
import type { LogStorage } from "./log-storage.js";
import { Membership } from "./membership.js";
import { trackMembers } from "./membership-change.js";
import type { Message, Outgoing } from "./message.js";
import { Progress } from "./progress.js";
import { ReadRounds } from "./read-rounds.js";
import type { ReadState } from "./ready.js";
import type { Transfer } from "./transfer.js";

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/**
 * The state of one Raft node and its transitions between roles: what the handlers of the other files work on. Nothing
 * here does I/O, reads a clock or draws a random number of its own.
 *
 * Invariants: the term never goes back; within a term the vote changes once, from nobody; only a leader has progress,
 * reads or a transfer.
 */
export class RaftCore {
  readonly config: RaftConfig;
  readonly log: RaftLog;

  term: number;
  vote: number;
  role: Role = "follower";
  /** The leader of `term` as far as known, 0 for none. */
  leader = 0;

  /** Leader: what is known of each other member. */
  progress = new Map<number, Progress>();
  /** Candidate: who answered, and how. A Map, so that an answer received twice counts once. */
  votes = new Map<number, boolean>();
  /** Leader: reads waiting for a quorum to confirm leadership. */
  readonly reads = new ReadRounds();
  /** Leader: read rounds were opened whose heartbeats have not been sent yet. */
  readRoundWaiting = false;
  /** Leader: entries were appended and not yet sent: all of a turn go out together. */
  appendWaiting = false;
  /** Leader: bytes of the entries that are not committed yet, those of earlier leaders included. */
  uncommittedBytes = 0;
  /** Leader: the tick at which it became so. */
  ledSinceTick = 0;
  /** Leader: index of the no-op that began the term. Older entries commit only with it (paper, section 5.4.2). */
  termStartIndex = 0;
  /** Leader: a leadership transfer under way; nothing is proposed meanwhile. */
  transfer: Transfer | undefined = undefined;
  /**
   * Leader: who was told in this term to stand for election. Invariant: nobody is taken from it before the term ends, since
   * the message may be late and its receiver slow: a transfer that was given up may still succeed.
   */
  toldToStand = new Set<number>();
  /** Follower: whether the leader hears this node. */
  readonly hearing: Hearing;
  /** Space for counting a quorum. */
  readonly tally: number[] = [];

  /** Ticks since this node started. */
  ticks = 0;
  ticksSinceElection = 0;
  private ticksSinceHeartbeat = 0;
  private electionTimeoutTicks = 0;

  messages: Outgoing[] = [];
  afterPersist: Outgoing[] = [];
  readStates: ReadState[] = [];
  snapshotsTo: number[] = [];
  /** Follower: a received snapshot that is to replace log and state. */
  snapshotToInstall: LogPosition | undefined = undefined;
  /** Term and vote as last handed out to be persisted. */
  persistedHardState: HardState;
  private membershipNow: Membership;

  constructor(config: RaftConfig, storage: LogStorage, applied: number) {
    invariant(config.id > 0, "a node's id is a positive number");
    this.config = config;
    this.persistedHardState = storage.hardState();
    this.log = new RaftLog(storage, config.configuration, applied, config.cacheBytesMax);
    const { term, vote } = this.persistedHardState;
    // A crash right after a snapshot was installed leaves a log of a term that the hard state does not know yet. Had
    // this node voted in it, the hard state would know.
    const behind = this.log.lastTerm > term;
    this.term = behind ? this.log.lastTerm : term;
    this.vote = behind ? 0 : vote;
    this.membershipNow = new Membership(this.log.configurations.newest.configuration, config.id);
    this.resetElectionTimer();
    this.hearing = new Hearing(config);
  }

  /** The newest configuration of the log, whether or not it is committed, as this node sees it. */
  get membership(): Membership {
    const { configuration } = this.log.configurations.newest;
    if (this.membershipNow.configuration !== configuration) {
      this.membershipNow = new Membership(configuration, this.config.id);
    }
    return this.membershipNow;
  }

  get configurationIndex(): number {
    return this.log.configurations.newest.index;
  }

  /**
   * Whether this node may stand for election: it votes, or its removal is not known to be committed. In the latter case
   * it may hold the only log that can still win (thesis, section 4.2.2 and Figure 4.6: the leader of two removes
   * itself); it then counts the others' votes only.
   */
  get isPromotable(): boolean {
    if (this.membership.isVoter) return true;
    const { previous } = this.log.configurations;
    if (this.membership.includes(this.config.id) || this.configurationIndex <= this.log.committed)
      return false;
    return previous?.members.some(({ id, role }) => id === this.config.id && role === "voter") ?? false;
  }

  /** Whether a follower was heard from within the last election timeout. */
  isActive(progress: Progress): boolean {
    return this.ticks - progress.heardAtTick < this.config.electionTicks;
  }

  /** Messages that promise durable state wait for it; the others do not. */
  send(to: number, message: Message): void {
    switch (message.kind) {
      case "appendEntries":
      case "heartbeat":
        // Elected by others' votes, a leader has made its term durable before it asked for them. One that needs no
        // other has not: a crash could give it the same term twice, and learners two entries at one position.
        (this.isTermDurable ? this.messages : this.afterPersist).push({ to, message });
        return;
      case "readIndex":
      case "readIndexResult":
      case "timeoutNow":
        this.messages.push({ to, message });
        return;
      case "appendEntriesResult":
      case "heartbeatResult":
      case "requestVote":
      case "requestVoteResult":
      case "installSnapshot":
        this.afterPersist.push({ to, message });
        return;
    }
  }

  /** Answers a heartbeat, or tells a deposed leader the present term. */
  answerHeartbeat(to: number, readRound: number): void {
    const tick = this.hearing.numberOf(this.ticks);
    this.send(to, { kind: "heartbeatResult", term: this.term, readRound, tick });
  }

  /** This node follows a leader that does not hear it: what it is asked, or to pass on, cannot be answered. */
  get isUnheard(): boolean {
    return this.role === "follower" && this.leader !== 0 && this.hearing.isLost(this.ticks);
  }

  private get isTermDurable(): boolean {
    return !this.membership.isAlone || this.log.persisted >= this.termStartIndex;
  }

  /** Figure 2: a vote is given once in a term. */
  castVote(candidate: number): void {
    invariant(
      this.vote === 0 || this.vote === candidate,
      `the vote of term ${this.term} would change from ${this.vote} to ${candidate}`,
    );
    this.vote = candidate;
  }

  becomeFollower(term: number, leader: number): void {
    this.enterRole("follower", term);
    this.leader = leader;
    this.hearing.follows(this.ticks);
  }

  /** Thesis, section 9.6: asks before disturbing anybody, so neither term nor vote changes. */
  becomePreCandidate(): void {
    invariant(this.role !== "leader", "a leader does not stand for election");
    this.enterRole("preCandidate", this.term);
    this.leader = 0;
  }

  becomeCandidate(): void {
    invariant(this.role !== "leader", "a leader does not stand for election");
    this.enterRole("candidate", this.term + 1);
    this.leader = 0;
    this.castVote(this.config.id);
  }

  becomeLeader(): void {
    invariant(this.role === "candidate", "only a candidate becomes leader");
    invariant(this.vote === this.config.id, "a leader has voted for itself");
    this.enterRole("leader", this.term);
    this.leader = this.config.id;
    trackMembers(this);
    this.termStartIndex = this.log.lastIndex + 1;
    this.ledSinceTick = this.ticks;
    // What earlier leaders left uncommitted takes memory just the same.
    this.uncommittedBytes = this.log.bytes(this.log.committed + 1, this.log.lastIndex);
    this.appendOwn("noop", new Uint8Array(0));
    // From then on the log tells who belongs to the cluster, also to a node that joins with nothing.
    if (this.configurationIndex === 0) {
      this.appendOwn("configuration", encodeConfiguration(this.membership.configuration));
    }
  }

  newProgress(): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.config;
    return new Progress(this.log.lastIndex + 1, inflightMessagesMax, inflightBytesMax);
  }

  private enterRole(role: Role, term: number): void {
    invariant(term >= this.term, `the term would go back from ${this.term} to ${term}`);
    if (term !== this.term) {
      this.term = term;
      this.vote = 0;
    }
    this.role = role;
    this.votes = new Map();
    this.progress = new Map();
    this.uncommittedBytes = 0;
    this.termStartIndex = 0;
    this.transfer = undefined;
    this.toldToStand = new Set();
    // Asked for by a leader, to be done in its term: a node that leads no more must not send a snapshot in its name.
    this.snapshotsTo = [];
    this.appendWaiting = false;
    this.readRoundWaiting = false;
    this.ticksSinceHeartbeat = 0;
    for (const read of this.reads.abandon()) this.refuseRead(read.from, read.context);
    this.resetElectionTimer();
  }

  resetElectionTimer(): void {
    const { electionTicks, random } = this.config;
    this.ticksSinceElection = 0;
    this.electionTimeoutTicks = electionTicks + Math.floor(random() * electionTicks * ELECTION_JITTER);
  }

  get electionTimedOut(): boolean {
    return this.ticksSinceElection >= this.electionTimeoutTicks;
  }

  /** One tick of the leader's heartbeat clock; true when a heartbeat is due. */
  heartbeatDue(): boolean {
    this.ticksSinceHeartbeat++;
    if (this.ticksSinceHeartbeat < this.config.heartbeatTicks) return false;
    this.ticksSinceHeartbeat = 0;
    return true;
  }

  /** Whether so much is uncommitted that `bytes` more are too many; one entry is always taken. */
  isOverloadedBy(bytes: number): boolean {
    return this.uncommittedBytes > 0 && this.uncommittedBytes + bytes > this.config.uncommittedBytesMax;
  }

  appendOwn(kind: LogEntry["kind"], data: Uint8Array): LogEntry {
    invariant(this.role === "leader", "only a leader appends entries of its own");
    invariant(
      kind !== "configuration" || this.configurationIndex <= this.log.committed,
      "a configuration would follow one that is not committed",
    );
    const entry: LogEntry = { index: this.log.lastIndex + 1, term: this.term, kind, data };
    this.log.append(entry);
    this.uncommittedBytes += data.length;
    this.appendWaiting = true;
    return entry;
  }

  /** Tells whoever asked that the read cannot be served here. */
  refuseRead(from: number, context: number): void {
    if (from === this.config.id) this.readStates.push({ context, index: undefined });
    else this.send(from, { kind: "readIndexResult", context, index: 0, rejected: true });
  }

  grantRead(from: number, context: number, index: number): void {
    if (from === this.config.id) this.readStates.push({ context, index });
    else this.send(from, { kind: "readIndexResult", context, index, rejected: false });
  }
}

/** The election timeout is drawn from [electionTicks, electionTicks * (1 + ELECTION_JITTER)). */
const ELECTION_JITTER = 0.6;
