import type { RaftConfig } from "./config.js";
import type { Configuration, ConfigurationAt, MembershipChange } from "./configuration.js";
import { RaftCore, type Role } from "./core.js";
import {
  campaign,
  disturbs,
  handleRequestVote,
  handleRequestVoteResult,
  handleTimeoutNow,
} from "./election.js";
import type { LogPosition } from "./entry.js";
import { handleAppendEntries, handleHeartbeat, handleInstallSnapshot } from "./following.js";
import { invariant } from "./invariant.js";
import type { LogStorage } from "./log-storage.js";
import { idText } from "./member-id.js";
import { changeMembership, type MembershipChangeResult, releaseSilent } from "./membership-change.js";
import type { Message } from "./message.js";
import { hearsFromMajority } from "./quorum.js";
import type { Persist, Ready } from "./ready.js";
import {
  broadcastAppend,
  broadcastHeartbeat,
  handleAppendEntriesResult,
  handleHeartbeatResult,
  maybeCommit,
  requestRead,
  sendEntries,
  sendReadRound,
} from "./replication.js";
import { cannotTakeOver, type TransferResult, tickTransfer, transferLeadership } from "./transfer.js";

/** What a node's surroundings may want to know. */
export interface RaftStatus {
  readonly id: number;
  readonly role: Role;
  readonly term: number;
  /** 0 for none known. */
  readonly leader: number;
  /** That leader does not hear this node. */
  readonly unheard: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** What a leader knows of another member. */
export interface FollowerStatus {
  readonly id: number;
  /** One that is leaving was removed, and is still told so. */
  readonly standing: "voter" | "learner" | "leaving";
  /** Looking for where the logs match, following the log, or waiting for a snapshot. */
  readonly state: "probe" | "replicate" | "snapshot";
  /** The highest index known to be durable there. */
  readonly matchIndex: number;
  /** Heard from within the last election timeout. */
  readonly active: boolean;
}

/** How propose() ended. */
export type Proposal =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  /**
   * Not the leader, or one that hands over, or its bound on uncommitted bytes is reached: nothing was appended, a retry
   * is safe.
   */
  | { readonly accepted: false; readonly reason: "notLeader" | "overloaded" | "transferring" };

/**
 * One node's Raft, pure: feed it by tick(), step(), propose() and readIndex(), do what ready() says, in the order it
 * says, and report with persisted() and applied().
 */
export class Raft {
  private readonly core: RaftCore;

  /** `applied` is the index the restored state stands at; the log's storage must reach it. */
  constructor(config: RaftConfig, storage: LogStorage, applied: number) {
    this.core = new RaftCore(config, storage, applied);
    // Nobody else needs to be asked, or given time.
    if (this.core.membership.isAlone) campaign(this.core);
  }

  status(): RaftStatus {
    const { core } = this;
    return {
      id: core.config.id,
      role: core.role,
      term: core.term,
      leader: core.leader,
      unheard: core.isUnheard,
      commitIndex: core.log.committed,
      appliedIndex: core.log.applied,
      firstIndex: core.log.start.index + 1,
      lastIndex: core.log.lastIndex,
    };
  }

  get isLeader(): boolean {
    return this.core.role === "leader";
  }

  get leader(): number {
    return this.core.leader;
  }

  get term(): number {
    return this.core.term;
  }

  /**
   * The leader that this node follows does not hear it. It goes on following, so that the cluster is not disturbed by
   * elections, but what it asks of the leader will not be answered.
   */
  get isUnheard(): boolean {
    return this.core.isUnheard;
  }

  /** This node leads, or follows a leader that hears it as far as it knows. */
  get isLed(): boolean {
    return this.core.leader !== 0 && !this.core.isUnheard;
  }

  /** This node leads, or follows a leader that has shown that it hears it, if its version can. */
  get isHeard(): boolean {
    const { core } = this;
    return core.role === "leader" || (core.leader !== 0 && core.hearing.isConfirmed(core.ticks));
  }

  /** This node leads and has applied an entry of its own term, so everything that its predecessors committed. */
  get leadsUpToDate(): boolean {
    return this.isLeader && this.core.log.applied >= this.core.termStartIndex;
  }

  /**
   * The newest configuration in the log, in effect from the moment it is appended (thesis, section 4.1). The same object
   * until it changes.
   */
  get configuration(): Configuration {
    return this.core.membership.configuration;
  }

  /** Index of the log entry that holds `configuration`; 0 for the initial one. */
  get configurationIndex(): number {
    return this.core.configurationIndex;
  }

  /** The configuration in effect at a log index that is not below the log's start. */
  configurationAsOf(index: number): ConfigurationAt {
    return this.core.log.configurations.asOf(index);
  }

  /** What this node, if it leads, knows of the other members; nothing otherwise. */
  followers(): FollowerStatus[] {
    return Array.from(this.core.progress, ([id, progress]) => ({
      id,
      standing: progress.standing,
      state: progress.state,
      matchIndex: progress.matchIndex,
      active: this.core.isActive(progress),
    }));
  }

  /** Whether this node leads, and heard nothing of a member for an election timeout in which it did. */
  isSilent(id: number): boolean {
    const { core } = this;
    const progress = core.progress.get(id);
    if (progress === undefined || core.isActive(progress)) return false;
    return core.ticks - core.ledSinceTick >= core.config.electionTicks;
  }

  /** One unit of time passed. */
  tick(): void {
    const { core } = this;
    core.ticks++;
    core.ticksSinceElection++;
    if (core.role === "leader") this.tickLeader();
    else if (core.electionTimedOut) campaign(core);
  }

  private tickLeader(): void {
    const { core } = this;
    if (core.ticksSinceElection >= core.config.electionTicks) {
      core.ticksSinceElection = 0;
      // Thesis, section 6.2: a leader that hears from no majority for an election timeout steps down.
      if (!hearsFromMajority(core)) {
        core.becomeFollower(core.term, 0);
        return;
      }
      releaseSilent(core);
    }
    tickTransfer(core);
    if (core.heartbeatDue()) broadcastHeartbeat(core);
  }

  /**
   * A message from another node came in. Also from one that this node's configuration does not hold: it may be behind,
   * and the sender a member since (thesis, section 4.1). Results count only for members.
   */
  step(from: number, message: Message): void {
    const { core } = this;
    invariant(from !== core.config.id, "a node sends nothing to itself");
    if (message.kind === "readIndex" || message.kind === "readIndexResult") {
      this.stepRead(from, message);
      return;
    }
    if (message.kind === "requestVote" && disturbs(core, message)) return;
    if (message.term > core.term && !isPreVoteTalk(message)) {
      core.becomeFollower(message.term, isFromLeader(message) ? from : 0);
    }
    if (message.term < core.term) {
      this.answerStale(from, message);
      return;
    }
    this.stepPresentTerm(from, message);
  }

  private stepPresentTerm(
    from: number,
    message: Exclude<Message, { kind: "readIndex" | "readIndexResult" }>,
  ): void {
    const { core } = this;
    if (isFromLeader(message)) {
      invariant(
        core.role !== "leader",
        () => `two leaders in term ${core.term}: ${idText(core.config.id)} and ${idText(from)}`,
      );
      invariant(
        core.leader === 0 || core.leader === from,
        () => `two leaders in term ${core.term}: ${idText(core.leader)} and ${idText(from)}`,
      );
      if (core.role !== "follower" || core.leader !== from) core.becomeFollower(core.term, from);
      core.ticksSinceElection = 0;
    }
    switch (message.kind) {
      case "appendEntries":
        return handleAppendEntries(core, from, message);
      case "appendEntriesResult":
        return handleAppendEntriesResult(core, from, message);
      case "heartbeat":
        return handleHeartbeat(core, from, message);
      case "heartbeatResult":
        return handleHeartbeatResult(core, from, message);
      case "requestVote":
        return handleRequestVote(core, from, message);
      case "requestVoteResult":
        return handleRequestVoteResult(core, from, message);
      case "installSnapshot":
        return handleInstallSnapshot(core, from, message);
      case "timeoutNow":
        return handleTimeoutNow(core);
    }
  }

  /**
   * The sender's term is over. A deposed leader, or a candidate that cannot know, is told the present term; anything
   * else of an old term is void, but for a snapshot's content.
   */
  private answerStale(
    from: number,
    message: Exclude<Message, { kind: "readIndex" | "readIndexResult" }>,
  ): void {
    const { core } = this;
    switch (message.kind) {
      case "appendEntries":
      case "heartbeat":
        core.answerHeartbeat(from, 0);
        return;
      case "installSnapshot":
        handleInstallSnapshot(core, from, message);
        return;
      case "requestVote":
        core.send(from, {
          kind: "requestVoteResult",
          term: core.term,
          preVote: message.preVote,
          granted: false,
        });
        return;
      case "appendEntriesResult":
      case "heartbeatResult":
      case "requestVoteResult":
      case "timeoutNow":
        return;
    }
  }

  private stepRead(from: number, message: Extract<Message, { kind: "readIndex" | "readIndexResult" }>): void {
    const { core } = this;
    if (message.kind === "readIndexResult") {
      core.readStates.push({ context: message.context, index: message.rejected ? undefined : message.index });
    } else if (core.role === "leader") {
      requestRead(core, from, message.context);
    } else {
      core.refuseRead(from, message.context);
    }
  }

  /** Appends encoded commands to the log, if this node leads; `anyway` however much is uncommitted. */
  propose(data: Uint8Array, anyway = false): Proposal {
    const { core } = this;
    if (core.role !== "leader") return { accepted: false, reason: "notLeader" };
    if (core.transfer !== undefined) return { accepted: false, reason: "transferring" };
    if (!anyway && core.isOverloadedBy(data.length)) return { accepted: false, reason: "overloaded" };
    const entry = core.appendOwn("commands", data);
    return { accepted: true, index: entry.index, term: entry.term };
  }

  /** Appends the configuration after `change` to the log, if this node leads and the change may be made now. */
  changeMembership(change: MembershipChange): MembershipChangeResult {
    const result = changeMembership(this.core, change);
    // With other voters other answers decide: reads that wait are asked for anew.
    if (result.accepted && !this.core.reads.isEmpty) this.core.readRoundWaiting = true;
    return result;
  }

  /**
   * Hands the leadership to another voter. Meanwhile propose() and changeMembership() are refused; it ends when this
   * node stops leading, or after an election timeout.
   */
  transferLeadership(to: number): TransferResult {
    return transferLeadership(this.core, to);
  }

  /**
   * Whether it is certain that this node's leadership of the present term does not go to this voter by a transfer, one that
   * was given up included: such a voter may still stand for election when it was told to.
   */
  cannotTakeOver(to: number): boolean {
    return cannotTakeOver(this.core, to);
  }

  /**
   * Asks for an index at which a linearizable read may be served; the answer comes in Ready.reads. `context` must be
   * fresh at every attempt.
   */
  readIndex(context: number): void {
    const { core } = this;
    if (core.role === "leader") requestRead(core, core.config.id, context);
    else if (this.isLed) core.send(core.leader, { kind: "readIndex", context });
    else core.refuseRead(core.config.id, context);
  }

  /** The transport lost messages to `peer`: finds out anew where its log stands. */
  reportUnreachable(peer: number): void {
    const progress = this.core.progress.get(peer);
    if (progress?.state === "replicate") progress.becomeProbe();
  }

  /** The snapshot asked for by Ready.snapshotsTo was installed by `peer` up to `index`, or failed with index 0. */
  reportSnapshot(peer: number, index: number): void {
    const progress = this.core.progress.get(peer);
    if (progress === undefined || progress.state !== "snapshot") return;
    if (index === 0) {
      progress.snapshotFailed();
      return;
    }
    progress.becomeProbe();
    progress.nextIndex = Math.max(progress.nextIndex, index + 1);
    sendEntries(this.core, peer, progress);
  }

  get hasReady(): boolean {
    const { core } = this;
    return (
      core.appendWaiting ||
      core.readRoundWaiting ||
      core.messages.length > 0 ||
      core.afterPersist.length > 0 ||
      core.readStates.length > 0 ||
      core.snapshotsTo.length > 0 ||
      core.snapshotToInstall !== undefined ||
      core.log.hasUnpersisted ||
      core.log.hasUnapplied ||
      this.hardStateChanged
    );
  }

  private get hardStateChanged(): boolean {
    const { core } = this;
    return core.term !== core.persistedHardState.term || core.vote !== core.persistedHardState.vote;
  }

  /** A received snapshot waits to be installed by the next Ready. */
  get hasSnapshotToInstall(): boolean {
    return this.core.snapshotToInstall !== undefined;
  }

  /** Takes the work to do. `applyBytesMax` bounds the entries in `committed`. */
  ready(applyBytesMax: number): Ready {
    const { core } = this;
    if (core.appendWaiting) {
      core.appendWaiting = false;
      broadcastAppend(core);
    }
    sendReadRound(core);
    const persist = this.takePersist();
    const ready: Ready = {
      messages: core.messages,
      persist,
      afterPersist: core.afterPersist,
      committed: core.log.hasUnapplied ? core.log.takeUnapplied(applyBytesMax) : [],
      reads: core.readStates,
      snapshotsTo: core.snapshotsTo,
      term: core.term,
    };
    core.messages = [];
    core.afterPersist = [];
    core.readStates = [];
    core.snapshotsTo = [];
    return ready;
  }

  private takePersist(): Persist | undefined {
    const { core } = this;
    const snapshot = core.snapshotToInstall;
    core.snapshotToInstall = undefined;
    const hardState = this.hardStateChanged ? { term: core.term, vote: core.vote } : undefined;
    if (hardState !== undefined) core.persistedHardState = hardState;
    if (hardState === undefined && snapshot === undefined && !core.log.hasUnpersisted) return undefined;
    return { hardState, entries: core.log.takeUnpersisted(), snapshot };
  }

  /**
   * The storage made a Persist durable whose last entry is at this position, and every Persist before it: from now on
   * this node's own copy counts.
   */
  persisted(position: LogPosition): void {
    this.core.log.persistedTo(position);
    maybeCommit(this.core);
  }

  /** The state machine applied everything up to `index`. */
  applied(index: number): void {
    this.core.log.appliedTo(index);
  }

  /** The storage cut its log: nothing at or below this position can be read any more. */
  cut(position: LogPosition): void {
    this.core.log.cutTo(position);
  }
}

function isFromLeader(message: Message): boolean {
  switch (message.kind) {
    case "appendEntries":
    case "heartbeat":
    case "installSnapshot":
    case "timeoutNow":
      return true;
    default:
      return false;
  }
}

/** Pre-votes, asked or granted, speak of a term that nobody has entered yet. */
function isPreVoteTalk(message: Message): boolean {
  if (message.kind === "requestVote") return message.preVote;
  return message.kind === "requestVoteResult" && message.preVote && message.granted;
}
