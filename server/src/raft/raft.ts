import type { RaftConfig } from "./config.js";
import { RaftCore, type Role } from "./core.js";
import { campaign, disturbs, handleRequestVote, handleRequestVoteResult } from "./election.js";
import type { LogPosition } from "./entry.js";
import { handleAppendEntries, handleHeartbeat, handleInstallSnapshot } from "./following.js";
import type { LogStorage } from "./log-storage.js";
import type { Message } from "./message.js";
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

/** What a node's surroundings may want to know. */
export interface RaftStatus {
  readonly id: number;
  readonly role: Role;
  readonly term: number;
  /** 0 for none known. */
  readonly leader: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** How propose() ended. */
export type Proposal =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  /** Not the leader, or its bound on uncommitted bytes is reached: nothing was appended. */
  | { readonly accepted: false; readonly reason: "notLeader" | "overloaded" };

/**
 * One node's Raft, pure: feed it by tick(), step(), propose() and readIndex(), do what ready() says, in the order it
 * says, and report with persisted() and applied().
 */
export class Raft {
  private readonly core: RaftCore;

  /** `applied` is the index the restored state stands at; the log's storage must reach it. */
  constructor(config: RaftConfig, storage: LogStorage, applied: number) {
    this.core = new RaftCore(config, storage, applied);
    if (config.voters.length === 1) campaign(this.core);
  }

  status(): RaftStatus {
    const { core } = this;
    return {
      id: core.config.id,
      role: core.role,
      term: core.term,
      leader: core.leader,
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

  /** This node leads and has applied an entry of its own term, so everything that its predecessors committed. */
  get leadsUpToDate(): boolean {
    return this.isLeader && this.core.log.applied >= this.core.termStartIndex;
  }

  /** One unit of time passed. */
  tick(): void {
    const { core } = this;
    core.ticksSinceElection++;
    if (core.role === "leader") {
      if (core.ticksSinceElection >= core.config.electionTicks) {
        core.ticksSinceElection = 0;
        if (!this.checkQuorum()) {
          core.becomeFollower(core.term, 0);
          return;
        }
      }
      if (core.heartbeatDue()) broadcastHeartbeat(core);
    } else if (core.electionTimedOut) {
      campaign(core);
    }
  }

  /** Thesis, section 6.2: a leader that hears from no majority for an election timeout steps down. */
  private checkQuorum(): boolean {
    let active = 1;
    for (const progress of this.core.progress.values()) {
      if (progress.recentlyActive) active++;
      progress.recentlyActive = false;
    }
    return active >= this.core.quorum;
  }

  /** A message from another node came in. */
  step(from: number, message: Message): void {
    const { core } = this;
    if (!core.config.voters.includes(from)) return;
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
      if (core.role === "leader")
        throw new Error(`two leaders in term ${core.term}: ${core.config.id} and ${from}`);
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
    }
  }

  /**
   * The sender's term is over. A deposed leader, or a candidate that cannot know, is told the present term; anything
   * else of an old term is void.
   */
  private answerStale(from: number, message: Message): void {
    const { core } = this;
    if (
      message.kind === "appendEntries" ||
      message.kind === "heartbeat" ||
      message.kind === "installSnapshot"
    ) {
      core.send(from, { kind: "heartbeatResult", term: core.term, readRound: 0 });
    } else if (message.kind === "requestVote") {
      core.send(from, {
        kind: "requestVoteResult",
        term: core.term,
        preVote: message.preVote,
        granted: false,
      });
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

  /** Appends encoded commands to the log, if this node leads. */
  propose(data: Uint8Array): Proposal {
    const { core } = this;
    if (core.role !== "leader") return { accepted: false, reason: "notLeader" };
    if (core.uncommittedBytes > 0 && core.uncommittedBytes + data.length > core.config.uncommittedBytesMax) {
      return { accepted: false, reason: "overloaded" };
    }
    const entry = core.appendOwn("commands", data);
    this.proposed = true;
    return { accepted: true, index: entry.index, term: entry.term };
  }

  /** Entries were proposed and not yet sent: all of a turn go out together. */
  private proposed = false;

  /**
   * Asks for an index at which a linearizable read may be served; the answer comes in Ready.reads. `context` must be
   * fresh at every attempt.
   */
  readIndex(context: number): void {
    const { core } = this;
    if (core.role === "leader") requestRead(core, core.config.id, context);
    else if (core.leader !== 0) core.send(core.leader, { kind: "readIndex", context });
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
    progress.becomeProbe();
    progress.nextIndex = Math.max(progress.nextIndex, index + 1);
    if (index > 0) sendEntries(this.core, peer, progress);
  }

  get hasReady(): boolean {
    const { core } = this;
    return (
      this.proposed ||
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
    if (this.proposed) {
      this.proposed = false;
      broadcastAppend(core);
    }
    sendReadRound(core);
    const persist = this.takePersist();
    const ready: Ready = {
      messages: core.messages,
      persist,
      afterPersist: core.afterPersist,
      committed: core.log.hasUnapplied ? core.log.unapplied(applyBytesMax) : [],
      reads: core.readStates,
      snapshotsTo: core.snapshotsTo,
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

  /** The storage made everything up to this position durable: from now on this node's own copy counts. */
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
  return (
    message.kind === "appendEntries" || message.kind === "heartbeat" || message.kind === "installSnapshot"
  );
}

/** Pre-votes, asked or granted, speak of a term that nobody has entered yet. */
function isPreVoteTalk(message: Message): boolean {
  if (message.kind === "requestVote") return message.preVote;
  return message.kind === "requestVoteResult" && message.preVote && message.granted;
}
