import { randomBytes } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type PeerMessage, PeerMessageSchema, type SendSnapshotRequest } from "@quorate/proto";
import type { Logger } from "pino";
import { bounds } from "../config.js";
import {
  type InstallSnapshot,
  type LogEntry,
  type Outgoing,
  type Persist,
  Raft,
  type RaftStatus,
  type ReadState,
} from "../raft/index.js";
import type { Command, CommandBody, Expire, Fence, StateMachine } from "../state-machine/index.js";
import type { DataDirectory } from "../storage/data-directory.js";
import { CorruptData } from "../storage/errors.js";
import { LogStore } from "../storage/log-store.js";
import { toPeerMessage, toRaftMessage } from "../transport/peer-codec.js";
import type { PeerReceiver } from "../transport/peer-service.js";
import type { Peers } from "../transport/peers.js";
import { decodeBatch } from "./command-codec.js";
import { leaderLost, leaderOverloaded, noQuorum, stopping } from "./failure.js";
import { LeaseKeeper, type LeaseMessage, type LeaseSurroundings } from "./lease-keeper.js";
import { type Done, Proposals, sessionless } from "./proposals.js";
import { type Fresh, Reads } from "./reads.js";
import type { Renewed } from "./renewals.js";
import { RevisionWaits } from "./revision-waits.js";
import { SnapshotReceiver } from "./snapshot-receiver.js";
import { SnapshotSender } from "./snapshot-sender.js";
import { readStateMeta, StateKeeper } from "./state-keeper.js";
import { Upkeep } from "./upkeep.js";
import { WatchHub } from "./watch-hub.js";

/** What a node is told when it is made. */
export interface NodeOptions {
  readonly id: number;
  readonly name: string;
  readonly voters: readonly number[];
  readonly clientEndpoint: string;
  readonly peerAddress: string;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly historyRevisionsKept: number;
  /** Entries kept in the log behind the durable state. */
  readonly logEntriesKept: number;
  readonly unsafeSkipReadIndex: boolean;
}

/** Ticks of Raft's clock in one heartbeat: fine enough for election timeouts to differ. */
const TICKS_PER_HEARTBEAT = 4;
/** Milliseconds between two looks for watches that were quiet for long. */
const PROGRESS_INTERVAL_MS = 500;
/** Election timeouts after which a batch without an answer is given up: several, since its answer may only be slow. */
const PROPOSAL_PATIENCE = 4;

/**
 * One node: the only place where Raft's and the state machine's decisions have effects. It runs once a turn of the
 * event loop, however many calls and messages came in: persist, then send what promises persistence, then apply, then
 * answer.
 */
export class Node implements PeerReceiver, LeaseSurroundings {
  private readonly options: NodeOptions;
  private readonly logger: Logger;
  private readonly log: LogStore;
  private readonly state: StateKeeper;
  private readonly raft: Raft;
  private readonly proposals: Proposals;
  private readonly reads = new Reads(randomFirst());
  private readonly leases: LeaseKeeper;
  private readonly sender: SnapshotSender;
  private readonly receiver: SnapshotReceiver;
  private readonly upkeep: Upkeep;
  readonly watches: WatchHub;

  private peers: Peers | undefined;
  private readonly onFatal: (error: unknown) => void;
  private readonly leadershipListeners = new Set<() => void>();
  private readonly stopListeners = new Set<() => void>();
  private readonly revisionWaits = new RevisionWaits();
  private runScheduled = false;
  /** A Ready's messages were sent, and the rest of it is to be done in the next turn. */
  private unfinished = false;
  /** Called when the snapshot that waits for it was installed. */
  private snapshotInstalled: () => void = () => undefined;
  private stopped = false;
  private tickTimer: NodeJS.Timeout | undefined;
  private nextProgressMs = 0;
  /** When the leader was last known, in monotonic milliseconds. */
  private ledAtMs = 0;
  private seenTerm = 0;
  private seenLeader = 0;

  /** `onFatal` is called once with an error after which the node must not go on: a failed disk or a broken invariant. */
  constructor(
    options: NodeOptions,
    directory: DataDirectory,
    logger: Logger,
    onFatal: (error: unknown) => void,
  ) {
    this.options = options;
    this.logger = logger;
    this.onFatal = onFatal;
    this.log = new LogStore(directory.logFile);
    this.state = new StateKeeper(directory);
    this.alignLog();
    // Three ticks in one are no accident of scheduling.
    this.leases = new LeaseKeeper(this, logger, Math.max(500, 3 * this.tickMs), randomFirst());
    this.watches = new WatchHub(this.state);
    this.proposals = new Proposals(randomBytes(8).readBigUInt64LE(), randomFirst());
    this.raft = new Raft(
      {
        id: options.id,
        voters: options.voters,
        heartbeatTicks: TICKS_PER_HEARTBEAT,
        electionTicks: Math.ceil(options.electionTimeoutMs / this.tickMs),
        appendBytesMax: bounds.appendBytesMax,
        inflightMessagesMax: bounds.appendInFlightMax,
        inflightBytesMax: bounds.appendInFlightBytesMax,
        uncommittedBytesMax: bounds.uncommittedBytesMax,
        cacheBytesMax: bounds.logCacheBytesMax,
        random: Math.random,
      },
      this.log,
      this.state.machine.appliedIndex,
    );
    this.sender = new SnapshotSender(this.state, directory.outgoingFile, logger);
    this.receiver = new SnapshotReceiver(directory.incomingFile);
    this.upkeep = new Upkeep({
      options,
      raft: this.raft,
      log: this.log,
      state: this.state,
      sender: this.sender,
      submit: (body, ended) => this.submitBody(body, undefined, ended),
    });
  }

  /** A crash between installing a snapshot and dropping the log it replaces leaves a log that ends before the state. */
  private alignLog(): void {
    const { appliedIndex, appliedTerm } = this.state.machine;
    const start = this.log.start();
    if (start.index > appliedIndex) {
      throw new CorruptData(
        `the state stands at index ${appliedIndex} but the log begins after ${start.index}: a part of the data is missing`,
      );
    }
    // A log that is too short, or that holds another entry there, is one that the snapshot was about to replace.
    const reaches = this.log.lastIndex() >= appliedIndex;
    const term =
      start.index === appliedIndex ? start.term : reaches ? this.log.term(appliedIndex) : undefined;
    if (term !== appliedTerm) this.log.reset({ index: appliedIndex, term: appliedTerm });
  }

  private get tickMs(): number {
    return this.options.heartbeatMs / TICKS_PER_HEARTBEAT;
  }

  /** Begins to take part in the cluster. */
  start(peers: Peers): void {
    this.peers = peers;
    this.tickTimer = setInterval(() => this.guard(() => this.tick()), this.tickMs);
    this.schedule();
  }

  get machine(): StateMachine {
    return this.state.machine;
  }

  get status(): RaftStatus {
    return this.raft.status();
  }

  get name(): string {
    return this.options.name;
  }

  /** Whether the node can serve: it knows a leader and has applied what it knows to be committed. */
  get readiness(): { readonly ready: boolean; readonly reason: string } {
    if (this.stopped) return { ready: false, reason: "stopping" };
    const { leader, commitIndex, appliedIndex } = this.raft.status();
    if (leader === 0) return { ready: false, reason: "no leader" };
    if (commitIndex > appliedIndex) {
      return { ready: false, reason: `applying entry ${appliedIndex} of ${commitIndex}` };
    }
    return { ready: true, reason: "ok" };
  }

  /** Client endpoint of the leader; "" when unknown. */
  get leaderEndpoint(): string {
    const { leader } = this.raft;
    if (leader === 0) return "";
    return this.machine.members().find((member) => member.memberId === leader)?.clientEndpoint ?? "";
  }

  /** Calls `listener` whenever leader or term changed, until the returned function is called. */
  onLeadershipChange(listener: () => void): () => void {
    this.leadershipListeners.add(listener);
    return () => this.leadershipListeners.delete(listener);
  }

  /** Calls `listener` when the node stops, until the returned function is called. */
  onStop(listener: () => void): () => void {
    this.stopListeners.add(listener);
    return () => this.stopListeners.delete(listener);
  }

  /** Hands a mutation to the cluster. `done` is called once, with its result as applied on this node or a failure. */
  submit(command: Command, done: Done): void {
    if (this.stopped) {
      done(stopping);
      return;
    }
    this.proposals.collect(command, done);
    this.schedule();
  }

  /** A mutation outside any session. */
  submitBody(body: CommandBody, fence: Fence | undefined, done: Done): void {
    this.submit(sessionless(body, fence), done);
  }

  /** Calls `fresh` when this node's state reflects everything acknowledged anywhere before now. */
  read(fresh: Fresh): void {
    if (this.stopped) {
      fresh(stopping);
    } else if (this.options.unsafeSkipReadIndex) {
      fresh();
    } else {
      this.reads.collect(fresh);
      this.schedule();
    }
  }

  /** Calls `fresh` when this node's state has reached `revision`, with a failure if it does not within `waitMs`. */
  readAt(revision: number, waitMs: number, fresh: Fresh): void {
    if (this.state.revision >= revision) fresh();
    else this.revisionWaits.add(revision, performance.now() + waitMs, fresh);
  }

  /**
   * Renews leases at the leader, or with `peek` only asks what is left of them. Answered only once leadership has been
   * confirmed after the call came in.
   */
  renewLeases(ids: readonly number[], peek: boolean, done: Renewed): void {
    if (this.stopped) done(stopping);
    else this.leases.renew(ids, peek, done);
  }

  // ---- What the lease keeper needs ----

  get self(): number {
    return this.options.id;
  }

  get leader(): number {
    return this.raft.leader;
  }

  get term(): number {
    return this.raft.term;
  }

  sendLeaseMessage(to: number, message: LeaseMessage): void {
    this.queueMessage(to, message);
  }

  proposeExpiry(expiry: Omit<Expire, "kind">, failed: () => void): void {
    this.submitBody({ kind: "expire", ...expiry }, undefined, (outcome) => {
      if (outcome.kind === "failure") failed();
    });
  }

  // ---- What comes in from peers ----

  receive(from: number, messages: readonly PeerMessage[]): void {
    this.guard(() => {
      if (this.stopped) return;
      for (const { message } of messages) {
        const raftMessage = toRaftMessage(message);
        if (raftMessage !== undefined) this.raft.step(from, raftMessage);
        else this.receiveOther(from, message);
      }
      this.schedule();
    });
  }

  private receiveOther(from: number, message: PeerMessage["message"]): void {
    switch (message.case) {
      case "propose": {
        for (const bytes of message.value.batches) {
          const proposal = this.raft.propose(bytes);
          if (proposal.accepted) continue;
          // The bytes go into the log as they are; they are read only to name the batch when it is refused.
          const batchIds = [BigInt(decodeBatch(bytes).batchId)];
          const overloaded = proposal.reason === "overloaded";
          this.queueMessage(from, { case: "proposeRejected", value: { batchIds, overloaded } });
        }
        return;
      }
      case "proposeRejected":
        for (const id of message.value.batchIds) {
          this.proposals.fail(Number(id), message.value.overloaded ? leaderOverloaded : noQuorum);
        }
        return;
      case "renewLeases":
      case "renewLeasesResult":
        this.leases.receive(from, message);
        return;
      default:
        this.logger.warn({ from, message: message.case }, "ignored a message of an unknown kind");
    }
  }

  async receiveSnapshot(from: number, piece: SendSnapshotRequest): Promise<void> {
    if (this.stopped || Number(piece.snapshot?.term ?? 0) < this.raft.term) {
      throw new Error("the snapshot is of a leader whose term is over");
    }
    await this.receiver.receive(piece, (snapshot) => {
      const { appliedIndex, appliedTerm } = readStateMeta(this.receiver.file);
      if (appliedIndex !== snapshot.lastIndex || appliedTerm !== snapshot.lastTerm) {
        throw new Error(`the snapshot stands at ${appliedIndex}, not at ${snapshot.lastIndex} as announced`);
      }
      return this.installReceived(from, snapshot);
    });
  }

  /** Resolves when the snapshot is installed, or is not wanted: until then its file is nobody else's. */
  private installReceived(from: number, snapshot: InstallSnapshot): Promise<void> {
    return new Promise((resolve) => {
      this.guard(() => {
        this.raft.step(from, snapshot);
        if (this.raft.hasSnapshotToInstall) this.snapshotInstalled = resolve;
        else resolve();
        this.schedule();
      });
    });
  }

  /** Messages to a peer were lost: whatever it was asked may never be answered. */
  lost(peer: number): void {
    this.raft.reportUnreachable(peer);
    if (peer !== this.raft.leader) return;
    this.proposals.failAll(leaderLost);
    // Better an answer at once than one after the read was given up.
    this.reads.failAll(noQuorum);
    this.leases.leaderLost();
  }

  private queueMessage(
    to: number,
    message: NonNullable<MessageInitShape<typeof PeerMessageSchema>["message"]>,
  ): void {
    this.peers?.queue(to, create(PeerMessageSchema, { message }));
    this.schedule();
  }

  // ---- The turn ----

  private schedule(): void {
    if (this.runScheduled || this.stopped) return;
    this.runScheduled = true;
    setImmediate(() => {
      this.runScheduled = false;
      this.guard(() => this.run());
    });
  }

  /** Nothing may go on after an error of the disk or a broken invariant. */
  private guard(work: () => void): void {
    if (this.stopped) return;
    try {
      work();
    } catch (error) {
      this.stopped = true;
      clearInterval(this.tickTimer);
      this.onFatal(error);
    }
  }

  private run(): void {
    // First, so that what is proposed now is not taken for something that an earlier leader was given.
    this.noticeLeadership();
    this.propose();
    if (this.reads.hasCollected) this.raft.readIndex(this.reads.begin(performance.now()));
    // One Ready a turn, and the next one only after it: what the sockets hold gets its turn in between.
    if (!this.unfinished && this.raft.hasReady) this.work();
    if (!this.unfinished && this.raft.hasReady) this.schedule();
    this.peers?.flush();
    this.noticeLeadership();
    this.upkeep.flushIfDue();
  }

  private propose(): void {
    if (!this.proposals.hasCollected) return;
    const batches = this.proposals.takeBatches(performance.now());
    const { leader } = this.raft;
    if (leader === this.options.id) {
      for (const batch of batches) {
        const proposal = this.raft.propose(batch.bytes);
        if (proposal.accepted) continue;
        this.proposals.fail(batch.id, proposal.reason === "notLeader" ? noQuorum : leaderOverloaded);
      }
    } else if (leader === 0) {
      for (const batch of batches) this.proposals.fail(batch.id, noQuorum);
    } else {
      // A message for each batch: together they could be too large to be sent.
      for (const { bytes } of batches) {
        this.queueMessage(leader, { case: "propose", value: { batches: [bytes] } });
      }
    }
  }

  /**
   * One Ready. The order is what makes Raft safe: a vote or an acknowledgement leaves only after the disk holds what
   * it promises, and nothing is applied, hence answered, that this node could forget.
   */
  private work(): void {
    const ready = this.raft.ready(bounds.applyBytesMax);
    this.send(ready.messages);
    this.then(ready.messages.length > 0 && ready.persist !== undefined, () => {
      if (ready.persist !== undefined) this.persist(ready.persist);
      this.send(ready.afterPersist);
      this.then(ready.afterPersist.length > 0 && ready.committed.length > 0, () => {
        for (const entry of ready.committed) this.apply(entry);
        this.answerReads(ready.reads);
        for (const peer of ready.snapshotsTo) this.sendSnapshot(peer);
      });
    });
  }

  /**
   * Goes on with the Ready, in the next turn if `messagesWait`: the sockets are written to at the end of a turn, and
   * neither a leader's entries should wait for its own disk nor a follower's acknowledgement for its state machine.
   */
  private then(messagesWait: boolean, next: () => void): void {
    if (!messagesWait) {
      next();
      return;
    }
    this.unfinished = true;
    setImmediate(() =>
      this.guard(() => {
        this.unfinished = false;
        next();
        this.schedule();
      }),
    );
  }

  private persist({ snapshot, hardState, entries }: Persist): void {
    if (snapshot !== undefined) {
      this.state.install(this.receiver.file);
      this.log.reset(snapshot);
      this.watches.restored();
      // Entries that the snapshot covers are never applied here: their callers cannot be told their results.
      this.proposals.failAll(leaderLost);
      this.reads.applied(this.machine.appliedIndex);
      this.logger.info({ index: snapshot.index }, "installed a snapshot");
      this.snapshotInstalled();
    }
    if (hardState !== undefined || entries.length > 0) this.log.write(hardState, entries);
    const last = entries[entries.length - 1];
    if (last !== undefined) this.raft.persisted({ index: last.index, term: last.term });
  }

  private send(messages: readonly Outgoing[]): void {
    for (const { to, message } of messages) this.peers?.queue(to, toPeerMessage(message));
    if (messages.length > 0) this.peers?.flush();
  }

  private apply(entry: LogEntry): void {
    const batch = entry.kind === "commands" ? decodeBatch(entry.data) : undefined;
    const applied = this.machine.apply(entry.index, entry.term, batch?.commands ?? []);
    this.raft.applied(entry.index);
    this.leases.applied(applied);
    this.watches.applied(applied.changes);
    if (batch !== undefined) this.proposals.applied(batch.origin, batch.batchId, applied.results);
    this.reads.applied(entry.index);
    this.revisionWaits.reached(this.machine.revision);
  }

  private answerReads(states: readonly ReadState[]): void {
    if (states.length > 0) this.reads.answered(states, this.machine.appliedIndex);
  }

  private noticeLeadership(): void {
    const { term, leader } = this.raft;
    const changed = term !== this.seenTerm || leader !== this.seenLeader;
    if (changed) {
      this.seenTerm = term;
      this.seenLeader = leader;
      this.logger.info(
        { term, leader: this.nameOf(leader), self: leader === this.options.id },
        "leadership changed",
      );
      this.leases.leaderChanged();
      this.upkeep.leaderChanged();
      this.proposals.failAll(leaderLost);
    }
    if (this.raft.leadsUpToDate) this.leases.lead();
    if (changed) for (const listener of this.leadershipListeners) listener();
  }

  private nameOf(id: number): string {
    return (
      this.machine.members().find((member) => member.memberId === id)?.name ??
      (id === 0 ? "none" : String(id))
    );
  }

  // ---- Time ----

  private tick(): void {
    const nowMs = performance.now();
    this.raft.tick();
    const { electionTimeoutMs } = this.options;
    for (const context of this.reads.expire(nowMs, electionTimeoutMs / 2, electionTimeoutMs * 2)) {
      this.raft.readIndex(context);
    }
    this.leases.tick(nowMs, electionTimeoutMs * 2);
    this.proposals.expire(nowMs, electionTimeoutMs * PROPOSAL_PATIENCE, leaderLost);
    this.revisionWaits.expire(nowMs, this.machine.revision);
    this.noticeIsolation(nowMs);
    if (nowMs >= this.nextProgressMs) {
      this.nextProgressMs = nowMs + PROGRESS_INTERVAL_MS;
      this.watches.progress(nowMs);
    }
    this.upkeep.tick(nowMs);
    this.run();
  }

  /** A watch on a node that is cut off would be silent for ever: better to send its client elsewhere. */
  private noticeIsolation(nowMs: number): void {
    if (this.raft.leader !== 0 || this.ledAtMs === 0) this.ledAtMs = nowMs;
    else if (nowMs - this.ledAtMs >= 2 * this.options.electionTimeoutMs && this.watches.count > 0) {
      this.watches.endAll("NO_QUORUM", noQuorum.message);
    }
  }

  // ---- Snapshots ----

  private sendSnapshot(peer: number): void {
    const link = this.peers?.link(peer);
    const { term } = this.raft;
    if (link === undefined) return;
    this.sender.send(link, term).then(
      (index) => this.snapshotSent(peer, index),
      (error: unknown) => {
        this.logger.warn({ err: error, peer }, "a snapshot could not be sent");
        this.snapshotSent(peer, 0);
      },
    );
  }

  private snapshotSent(peer: number, index: number): void {
    this.guard(() => {
      this.raft.reportSnapshot(peer, index);
      this.schedule();
    });
  }

  /** Stops taking part, answers everybody who still waits, and writes the state to disk. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearInterval(this.tickTimer);
    this.proposals.refuseCollected(stopping);
    this.proposals.failAll({ ...stopping, code: "OUTCOME_UNKNOWN" });
    this.reads.failAll(stopping);
    this.leases.stop();
    this.revisionWaits.failAll(stopping);
    this.watches.close();
    for (const listener of this.stopListeners) listener();
    this.peers?.close();
    this.state.close();
    this.log.close();
  }
}

/** Where a counter of correlation ids begins: random, so that no two runs of the process use the same ones. */
function randomFirst(): number {
  return randomBytes(6).readUIntLE(0, 6);
}
