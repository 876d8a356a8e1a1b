import { randomBytes } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AdministerResponse,
  type PeerMessage,
  PeerMessageSchema,
  type SendSnapshotRequest,
} from "@quorate/proto";
import type { Logger } from "pino";
import { type LogEntry, type Outgoing, type Persist, Raft, type RaftStatus } from "../raft/index.js";
import type {
  Checkpoint,
  Command,
  CommandBody,
  Expire,
  Fence,
  StateMachine,
} from "../state-machine/index.js";
import type { Acquaintances } from "../storage/acquaintances.js";
import type { DataDirectory } from "../storage/data-directory.js";
import type { LogStore } from "../storage/log/log-store.js";
import { openLog } from "../storage/log/open-log.js";
import type { Admission } from "../transport/handshake.js";
import { toPeerMessage } from "../transport/peer-codec.js";
import type { PeerReceiver } from "../transport/peer-service.js";
import type { Peers } from "../transport/peers.js";
import type { SnapshotProgress } from "../transport/snapshot-service.js";
import { type AdministeredChange, type AdministeredDone, Administration } from "./administration.js";
import { admissionOf } from "./admission.js";
import { decodeBatch } from "./command-codec.js";
import { ConfigurationFollower } from "./configuration-follower.js";
import { leaderLost, noQuorum, stopping } from "./failure.js";
import { handOver } from "./hand-over.js";
import { Introduction } from "./introduction.js";
import { Leadership } from "./leadership.js";
import type { Settlement } from "./lease-clock.js";
import { LeaseKeeper, type LeaseMessage, type LeaseSurroundings } from "./lease-keeper.js";
import { alignLog } from "./log-alignment.js";
import type { NodeOptions } from "./node-options.js";
import { PeerInbox } from "./peer-inbox.js";
import { ProposalRoute } from "./proposal-route.js";
import { type Done, Proposals, sessionless } from "./proposals.js";
import { raftConfigOf, tickMsOf } from "./raft-options.js";
import { Readiness, type ReadinessState } from "./readiness.js";
import { type Fresh, Reads } from "./reads.js";
import { ReadyWork } from "./ready-work.js";
import type { Renewed } from "./renewals.js";
import { Retirement } from "./retirement.js";
import { RevisionWaits } from "./revision-waits.js";
import { Roster } from "./roster.js";
import type { StateAgreement } from "./state-agreement.js";
import { agreementMessage, agreementOf } from "./state-agreement-wiring.js";
import { StateDivergence } from "./state-divergence.js";
import { StateKeeper } from "./state-keeper.js";
import { StateTransfer } from "./state-transfer.js";
import { Upkeep } from "./upkeep.js";
import { WatchHub } from "./watch-hub.js";

export type { NodeOptions } from "./node-options.js";

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
  private readonly route: ProposalRoute;
  private readonly reads = new Reads(randomFirst());
  private readonly leases: LeaseKeeper;
  private readonly transfer: StateTransfer;
  private readonly readies: ReadyWork;
  private readonly inbox: PeerInbox;
  private readonly upkeep: Upkeep;
  private readonly introduction: Introduction;
  private readonly leadership: Leadership;
  private readonly administration: Administration;
  private readonly retirement: Retirement;
  private readonly membership: ConfigurationFollower;
  private readonly agreement: StateAgreement;
  private readonly catchingUp: Readiness;
  readonly watches: WatchHub;
  readonly roster: Roster;

  private peers: Peers | undefined;
  private readonly onFatal: (error: unknown) => void;
  private readonly stopListeners = new Set<() => void>();
  private readonly revisionWaits = new RevisionWaits();
  private runScheduled = false;
  private stopped = false;
  /** Why the node takes no part yet; undefined when it does. */
  private absence: string | undefined = "this node is starting";
  private tickTimer: NodeJS.Timeout | undefined;
  private nextProgressMs = 0;

  /**
   * `onFatal` is called once with an error after which the node must not go on: a failed disk, a broken invariant, or
   * MemberRemoved.
   */
  constructor(
    options: NodeOptions,
    directory: DataDirectory,
    notes: Acquaintances,
    logger: Logger,
    onFatal: (error: unknown) => void,
  ) {
    this.options = options;
    this.logger = logger;
    this.onFatal = onFatal;
    const { identity, electionTimeoutMs } = options;
    this.log = openLog(directory);
    this.log.belongTo(identity.incarnation, identity.standing === "formed");
    this.state = new StateKeeper(directory, (error) =>
      this.guard(() => {
        throw error;
      }),
    );
    alignLog(this.log, this.state.machine);
    this.roster = new Roster(identity, () => this.machine, options.addressBook, notes);
    // Three ticks in one are no accident of scheduling.
    this.leases = new LeaseKeeper(this, logger, Math.max(500, 3 * tickMsOf(options)), randomFirst());
    this.watches = new WatchHub(this.state);
    this.raft = new Raft(raftConfigOf(options, this.roster.applied), this.log, this.machine.appliedIndex);
    this.proposals = new Proposals(randomBytes(8).readBigUInt64LE(), randomFirst());
    this.route = new ProposalRoute(this.self, this.raft, this.proposals, (to, message) =>
      this.queueMessage(to, message),
    );
    this.agreement = agreementOf(options, this.raft, this.roster, (to, message) =>
      this.queueMessage(to, agreementMessage(message)),
    );
    this.agreement.applied(this.machine.appliedIndex, this.machine.hash);
    this.inbox = new PeerInbox(this.raft, this.route, this.leases, this.agreement, logger);
    this.readies = new ReadyWork(this.raft, {
      send: (messages) => this.send(messages),
      persist: (persist) => this.persist(persist),
      apply: (entry) => this.apply(entry),
      answerReads: (states) => this.reads.answered(states, this.machine.appliedIndex),
      sendSnapshot: (peer, term) => this.transfer.send(peer, term, this.peers?.link(peer)),
      nextTurn: (work) => this.nextTurn(work),
    });
    this.leadership = new Leadership(this.raft, this.roster);
    this.transfer = new StateTransfer({
      directory,
      state: this.state,
      raft: this.raft,
      logger,
      turn: (work) => {
        this.guard(work);
        this.schedule();
      },
    });
    this.upkeep = new Upkeep({
      options,
      raft: this.raft,
      log: this.log,
      state: this.state,
      sender: this.transfer.sender,
      understood: (format) => this.roster.understands(format),
      submit: (body, ended) => this.submitBody(body, undefined, ended),
    });
    const { memberId, name, incarnation } = identity;
    this.introduction = new Introduction(
      { memberId, name, clientEndpoint: options.clientEndpoint, format: options.commandFormat, incarnation },
      this,
    );
    this.administration = new Administration({
      self: memberId,
      raft: this.raft,
      roster: this.roster,
      appliedIndex: () => this.machine.appliedIndex,
      read: (fresh) => this.read(fresh),
      link: (peer) => this.peers?.link(peer),
      schedule: () => this.schedule(),
      patienceMs: electionTimeoutMs * PROPOSAL_PATIENCE,
    });
    this.retirement = new Retirement(identity, directory, logger, options.heartbeatMs * 2, onFatal);
    this.catchingUp = new Readiness({
      status: () => this.status,
      read: (fresh) => this.read(fresh),
      stallMs: electionTimeoutMs,
    });
    this.membership = new ConfigurationFollower(this.raft, this.roster, this.retirement, logger);
  }

  /** Begins to take part in the cluster. */
  start(peers: Peers): void {
    this.absence = undefined;
    this.peers = peers;
    this.membership.link(peers);
    this.tickTimer = setInterval(() => this.guard(() => this.tick()), tickMsOf(this.options));
    this.schedule();
  }

  /** Says why the node takes no part yet. */
  waitFor(absence: string): void {
    if (this.peers === undefined) this.absence = absence;
  }

  get machine(): StateMachine {
    return this.state.machine;
  }

  get status(): RaftStatus {
    return this.raft.status();
  }

  /** Whether this node belongs to the cluster without a vote, as of its newest configuration. */
  get isLearner(): boolean {
    const own = this.raft.configuration.members.find(({ id }) => id === this.self);
    return own?.role !== "voter";
  }

  get name(): string {
    return this.options.identity.name;
  }

  /** host:port at which this node's peers dial it; "" while its configuration does not say. */
  get peerAddress(): string {
    return this.roster.ownAddress(this.raft.configuration);
  }

  /** What the peer port asks about callers. */
  get admission(): Admission {
    return admissionOf(this.options.identity, this.roster, () => this.absence);
  }

  /** Whether the node can serve: it knows a leader and has caught up with it. */
  get readiness(): ReadinessState {
    if (this.stopped) return { ready: false, reason: "stopping" };
    if (this.absence !== undefined) return { ready: false, reason: this.absence };
    return this.catchingUp.state;
  }

  /** Client endpoint of the leader; "" when unknown. */
  get leaderEndpoint(): string {
    return this.leadership.endpoint;
  }

  /** Client endpoints of the members; the same object until they change. */
  get memberEndpoints(): readonly string[] {
    return this.leadership.memberEndpoints;
  }

  /** Calls `listener` whenever leader, term or an endpoint changed, until the returned function is called. */
  onLeadershipChange(listener: () => void): () => void {
    return this.leadership.onChange(listener);
  }

  /** Calls `listener` when the node stops, until the returned function is called. */
  onStop(listener: () => void): () => void {
    this.stopListeners.add(listener);
    return () => this.stopListeners.delete(listener);
  }

  /**
   * Hands a mutation to the cluster. `done` is called once, with its result as applied on this node or a failure. One
   * `ofLeases`, by which the leader keeps them, is never refused for load.
   */
  submit(command: Command, done: Done, ofLeases = false): void {
    if (this.stopped) {
      done(stopping);
      return;
    }
    this.proposals.collect(command, done, ofLeases);
    this.schedule();
  }

  /** A mutation outside any session. */
  submitBody(body: CommandBody, fence: Fence | undefined, done: Done): void {
    this.submit(sessionless(body, fence), done);
  }

  /**
   * Calls `fresh` when this node's state reflects everything acknowledged anywhere before now. A read `ofLeases`, for a
   * keepalive, is never refused for load.
   */
  read(fresh: Fresh, ofLeases = false): void {
    if (this.stopped) {
      fresh(stopping);
    } else if (this.options.unsafeSkipReadIndex) {
      fresh();
    } else {
      this.reads.collect(fresh, ofLeases);
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
    else if (!this.raft.isLed) done(noQuorum);
    else this.leases.renew(ids, peek, done);
  }

  /** Changes the membership or the leader. `done` is called once, when this node has applied it, or with a failure. */
  administer(change: AdministeredChange, done: AdministeredDone): void {
    if (this.stopped) done(stopping);
    else this.guard(() => this.administration.change(change, done));
  }

  /** Such a change that another node passes on, taking this one for the leader. */
  administerFor(change: AdministeredChange, answer: (response: AdministerResponse) => void): void {
    this.guard(() => this.administration.passedOn(change, answer));
  }

  /** The cluster removed this node's member, which it may learn from a peer before it applies the entry. */
  removed(details: string): void {
    this.guard(() => {
      this.retirement.begin(details);
      this.administration.removed();
    });
  }

  /** The cluster knows this node's member as another data directory: this one must not go on. */
  disowned(message: string): void {
    this.guard(() => {
      throw this.retirement.disown(message);
    });
  }

  /** What a member is called; undefined when there never was one of that id, as far as this node knows. */
  memberName(id: number): string | undefined {
    return this.roster.knownName(id);
  }

  // ---- What the lease keeper needs ----

  get self(): number {
    return this.options.identity.memberId;
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

  understands(format: number): boolean {
    return this.roster.understands(format);
  }

  proposeOfLeases(command: Expire | Checkpoint, settled: (settlement: Settlement) => void): void {
    this.submit(
      sessionless(command),
      (outcome) => {
        if (outcome.kind !== "failure") settled("applied");
        else settled(outcome.code === "OUTCOME_UNKNOWN" ? "unknown" : "refused");
      },
      true,
    );
  }

  // ---- What comes in from peers ----

  receive(from: number, messages: readonly PeerMessage[]): void {
    this.guard(() => {
      if (this.absence !== undefined) return;
      this.inbox.receive(from, messages);
      this.schedule();
    });
  }

  /** A caller began to send; it may have become a member by an entry that this node lacks. */
  greeted(from: number, address: string, readdressed: boolean): void {
    this.peers?.greeted(from, address, readdressed);
  }

  left(from: number): void {
    this.peers?.left(from);
  }

  async receiveSnapshot(from: number, piece: SendSnapshotRequest): Promise<SnapshotProgress> {
    if (this.stopped) throw new Error("this node is stopping");
    return await this.transfer.receive(from, piece);
  }

  /** Messages to a peer were lost: whatever it was asked may never be answered. */
  lost(peer: number): void {
    this.raft.reportUnreachable(peer);
    if (peer !== this.raft.leader) return;
    this.proposals.failAll(leaderLost);
    // Better an answer at once than one after the read was given up.
    this.reads.failAll(noQuorum);
    this.leases.leaderLost();
    this.catchingUp.leaderLost();
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

  private nextTurn(work: () => void): void {
    setImmediate(() =>
      this.guard(() => {
        work();
        this.schedule();
      }),
    );
  }

  /** Nothing may go on after an error of the disk or a broken invariant. */
  private guard(work: () => void): void {
    if (this.stopped) return;
    try {
      work();
    } catch (error) {
      this.stopped = true;
      clearInterval(this.tickTimer);
      try {
        // Durable before anything else: a start on these data must not serve anybody.
        if (error instanceof StateDivergence && error.certain) this.retirement.disqualify(error.message);
      } finally {
        this.onFatal(this.retirement.causeOf(error));
      }
    }
  }

  private run(): void {
    // First, so that what is proposed now is not taken for something that an earlier leader was given.
    this.noticeLeadership();
    this.route.propose(performance.now());
    if (this.reads.hasCollected) this.raft.readIndex(this.reads.begin(performance.now()));
    // One Ready a turn, and the next one only after it: what the sockets hold gets its turn in between.
    if (this.readies.isDue) this.readies.work();
    if (this.readies.isDue) this.schedule();
    this.peers?.flush();
    this.noticeLeadership();
    this.upkeep.flushIfDue();
  }

  private persist({ snapshot, hardState, entries }: Persist): void {
    if (snapshot !== undefined) {
      const wasMember = this.roster.includesSelf;
      this.log.announceInstall(snapshot);
      this.transfer.install();
      this.log.reset(snapshot);
      this.watches.restored();
      this.agreement.applied(this.machine.appliedIndex, this.machine.hash);
      // Entries that the snapshot covers are never applied here: their callers cannot be told their results.
      this.proposals.failAll(leaderLost);
      this.reads.applied(this.machine.appliedIndex);
      this.revisionWaits.reached(this.machine.revision);
      this.administration.settle();
      this.logger.info({ index: snapshot.index }, "installed a snapshot");
      this.transfer.installed();
      this.membership.applied(wasMember);
    }
    if (hardState !== undefined || entries.length > 0) this.log.write(hardState, entries);
    const last = entries[entries.length - 1];
    if (last !== undefined) this.raft.persisted({ index: last.index, term: last.term });
  }

  private send(messages: readonly Outgoing[]): void {
    if (this.peers === undefined) return;
    this.membership.link(this.peers);
    for (const { to, message } of messages) this.peers.queue(to, toPeerMessage(message));
    if (messages.length > 0) this.peers.flush();
  }

  private apply(entry: LogEntry): void {
    const batch = entry.kind === "commands" ? decodeBatch(entry.data, this.options.commandFormat) : undefined;
    const configuration = entry.kind === "configuration" ? entry.data : undefined;
    const wasMember = configuration !== undefined && this.roster.includesSelf;
    const applied = this.machine.apply(entry.index, entry.term, batch?.commands ?? [], configuration);
    this.agreement.applied(entry.index, this.machine.hash);
    this.raft.applied(entry.index);
    this.leases.applied(applied);
    this.watches.applied(applied.changes);
    if (batch !== undefined) this.proposals.applied(batch.origin, batch.batchId, applied.results);
    this.reads.applied(entry.index);
    this.revisionWaits.reached(this.machine.revision);
    if (configuration !== undefined) this.membership.applied(wasMember);
    this.administration.settle();
  }

  private noticeLeadership(): void {
    this.leadership.notice(() => {
      const { term, leader, isUnheard } = this.raft;
      const facts = { term, leader: this.roster.nameOf(leader), self: leader === this.self };
      if (isUnheard) this.logger.warn(facts, "the leader does not hear this node");
      else this.logger.info(facts, "leadership changed");
      // Better an answer at once than one after the read was given up.
      if (isUnheard) this.reads.failAll(noQuorum);
      this.leases.leaderChanged();
      this.upkeep.leaderChanged();
      this.introduction.leaderChanged();
      this.proposals.failAll(leaderLost);
      this.administration.settle();
      this.catchingUp.leaderChanged();
    });
    if (this.raft.leadsUpToDate) this.leases.lead();
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
    this.administration.tick(nowMs);
    this.agreement.tick(nowMs);
    this.revisionWaits.expire(nowMs, this.machine.revision);
    this.noticeIsolation(nowMs);
    this.leadership.lookAtMembers();
    this.catchingUp.tick(nowMs);
    if (nowMs >= this.nextProgressMs) {
      this.nextProgressMs = nowMs + PROGRESS_INTERVAL_MS;
      this.watches.progress(nowMs);
    }
    this.upkeep.tick(nowMs);
    if (this.raft.leader !== 0) this.introduction.tick(nowMs);
    this.run();
  }

  /** A watch on a node that is cut off would be silent for ever: better to send its client elsewhere. */
  private noticeIsolation(nowMs: number): void {
    const isCutOff = this.leadership.leaderlessMs(nowMs) >= 2 * this.options.electionTimeoutMs;
    if (isCutOff && this.watches.count > 0) this.watches.endAll("NO_QUORUM", noQuorum.message);
  }

  // ---- The end ----

  /** Before a planned stop: if this node leads, another one takes over. Resolves when that is done, within a bounded time. */
  async handOver(): Promise<void> {
    if (this.stopped || this.peers === undefined) return;
    await handOver({
      self: this.self,
      raft: this.raft,
      leadership: this.leadership,
      logger: this.logger,
      schedule: () => this.schedule(),
      patienceMs: this.options.electionTimeoutMs / 2,
    });
  }

  /** Stops taking part, answers everybody who still waits, and writes the state to disk. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearInterval(this.tickTimer);
    this.retirement.stop();
    this.proposals.refuseCollected(stopping);
    this.proposals.failAll({ ...stopping, code: "OUTCOME_UNKNOWN" });
    this.reads.failAll(stopping);
    this.leases.stop();
    this.administration.stop();
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
