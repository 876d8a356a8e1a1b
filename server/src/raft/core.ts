import type { RaftConfig } from "./config.js";
import type { HardState, LogEntry, LogPosition } from "./entry.js";
import { invariant } from "./invariant.js";
import { RaftLog } from "./log.js";
import type { LogStorage } from "./log-storage.js";
import type { Message, Outgoing } from "./message.js";
import { Progress } from "./progress.js";
import { ReadRounds } from "./read-rounds.js";
import type { ReadState } from "./ready.js";

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/**
 * The state of one Raft node and its transitions between roles: what the handlers of the other files work on. Nothing
 * here does I/O, reads a clock or draws a random number of its own.
 */
export class RaftCore {
  readonly config: RaftConfig;
  readonly log: RaftLog;

  term: number;
  vote: number;
  role: Role = "follower";
  /** The leader of `term` as far as known, 0 for none. */
  leader = 0;

  /** Leader: what is known of each other voter. */
  progress = new Map<number, Progress>();
  /** Candidate: who answered, and how. A Map, so that an answer received twice counts once. */
  votes = new Map<number, boolean>();
  /** Leader: reads waiting for a quorum to confirm leadership. */
  readonly reads = new ReadRounds();
  /** Leader: read rounds were opened whose heartbeats have not been sent yet. */
  readRoundWaiting = false;
  /** Leader: bytes proposed in this term and not yet committed. */
  uncommittedBytes = 0;
  /** Leader: index of the no-op that began the term. Older entries commit only with it (paper, section 5.4.2). */
  termStartIndex = 0;

  ticksSinceElection = 0;
  private ticksSinceHeartbeat = 0;
  private electionTimeoutTicks = 0;

  messages: Outgoing[] = [];
  afterPersist: Outgoing[] = [];
  readStates: ReadState[] = [];
  snapshotsTo: number[] = [];
  /** Follower: a received snapshot that is to replace log and state. */
  snapshotToInstall: LogPosition | undefined = undefined;
  persistedHardState: HardState;

  constructor(config: RaftConfig, storage: LogStorage, applied: number) {
    invariant(
      config.id > 0 && config.voters.includes(config.id),
      "a node must be one of its cluster's voters",
    );
    this.config = config;
    this.persistedHardState = storage.hardState();
    this.term = this.persistedHardState.term;
    this.vote = this.persistedHardState.vote;
    this.log = new RaftLog(storage, applied, config.cacheBytesMax);
    this.resetElectionTimer();
  }

  get quorum(): number {
    return Math.floor(this.config.voters.length / 2) + 1;
  }

  *peers(): Iterable<number> {
    for (const id of this.config.voters) if (id !== this.config.id) yield id;
  }

  /** Messages that promise durable state wait for it; the others do not. */
  send(to: number, message: Message): void {
    switch (message.kind) {
      case "appendEntries":
      case "heartbeat":
      case "readIndex":
      case "readIndexResult":
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

  becomeFollower(term: number, leader: number): void {
    invariant(term >= this.term, `term would go back from ${this.term} to ${term}`);
    this.enterRole("follower", term);
    this.leader = leader;
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
    this.vote = this.config.id;
  }

  becomeLeader(): void {
    invariant(this.role === "candidate", "only a candidate becomes leader");
    this.enterRole("leader", this.term);
    this.leader = this.config.id;
    const nextIndex = this.log.lastIndex + 1;
    const { inflightMessagesMax, inflightBytesMax } = this.config;
    for (const id of this.peers()) {
      this.progress.set(id, new Progress(nextIndex, inflightMessagesMax, inflightBytesMax));
    }
    this.termStartIndex = this.log.lastIndex + 1;
    this.appendOwn("noop", new Uint8Array(0));
  }

  private enterRole(role: Role, term: number): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = 0;
    }
    this.role = role;
    this.votes = new Map();
    this.progress = new Map();
    this.uncommittedBytes = 0;
    this.termStartIndex = 0;
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

  appendOwn(kind: LogEntry["kind"], data: Uint8Array): LogEntry {
    const entry: LogEntry = { index: this.log.lastIndex + 1, term: this.term, kind, data };
    this.log.append(entry);
    this.uncommittedBytes += data.length;
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
