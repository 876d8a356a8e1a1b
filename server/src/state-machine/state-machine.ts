import { AgreedLimits, type Limits } from "./agreed-limits.js";
import { AppliedConfiguration } from "./applied-configuration.js";
import { ChangeLog } from "./change-log.js";
import type {
  Checkpoint,
  Command,
  CommandBody,
  Compact,
  Expire,
  Grant,
  Range,
  Revoke,
  SetHistoryId,
  SetLimits,
  SetMember,
  SetQuota,
} from "./command.js";
import type { Change, Entry, HistoryReader } from "./entry.js";
import { checkFence } from "./fence.js";
import { Growth } from "./growth.js";
import { Digest, hexOf, StateHash, stateTag } from "./hash.js";
import { HistoryId } from "./history-id.js";
import { type HistoryRange, readHistory } from "./history-read.js";
import { invariant } from "./invariant.js";
import { type Key, subtreeEnd, subtreeStart } from "./key.js";
import { type LeaseInfo, LeaseTable } from "./lease.js";
import { type LeaseBounds, leaseBounds, quotaCountedKeysMax } from "./limits.js";
import { MemberTable } from "./members.js";
import { Mvcc } from "./mvcc.js";
import { QuotaTable, type QuotaUsage } from "./quota.js";
import { checkRevision, readRange } from "./range-read.js";
import { refuse } from "./refusal.js";
import type { DoneResult, ErrorResult, RangeResult, Result } from "./result.js";
import { boundedResult } from "./result-bytes.js";
import type { StateDelta, StateImage, StateMeta } from "./state-image.js";
import { StepBudget } from "./step-budget.js";
import { type Measured, measureSubtree } from "./subtree-measure.js";
import { applyTxn } from "./txn.js";
import { Writer } from "./writer.js";

/** What applying one log entry did. */
export interface Applied {
  /** One for each command. */
  readonly results: readonly Result[];
  /** The changes of all commands, in order. */
  readonly changes: readonly Change[];
  /** Ids of the leases that began, sessions among them. */
  readonly leasesGranted: readonly number[];
  /** Ids of the leases that ended. */
  readonly leasesEnded: readonly number[];
}

/**
 * The replicated state: keys with their history, leases, sessions, members. Deterministic: the same entries make the
 * same state, and `hash` says so. It does no I/O; what must go to disk is collected and handed out by `takeDelta`.
 *
 * ```ts
 * const machine = new StateMachine(stateStore);
 * const { results, changes } = machine.apply(1, 1, [command]);
 * stateStore.write(machine.takeDelta());
 * machine.changeLog.trim(machine.lastSeq);
 * ```
 */
export class StateMachine {
  /** The recent changes. Trim it once a delta is on disk. */
  readonly changeLog = new ChangeLog();
  readonly #hash = new StateHash();
  readonly #mvcc: Mvcc;
  readonly #leases: LeaseTable;
  readonly #leaseBounds: LeaseBounds;
  readonly #members = new MemberTable(this.#hash);
  readonly #quotas = new QuotaTable(this.#hash);
  readonly #limits = new AgreedLimits(this.#hash);
  readonly #historyId = new HistoryId(this.#hash);
  readonly #writer: Writer;
  readonly #growth: Growth;
  readonly #configuration = new AppliedConfiguration(this.#hash);
  #appliedIndex = 0;
  #appliedTerm = 0;
  #takenSeq = 0;
  // Of the entry being applied.
  #granted: number[] = [];
  #ended: number[] = [];

  constructor(history: HistoryReader, bounds: LeaseBounds = leaseBounds) {
    this.#leaseBounds = bounds;
    this.#leases = new LeaseTable(this.#hash, bounds);
    this.#mvcc = new Mvcc(this.changeLog, history, this.#hash);
    this.#writer = new Writer(this.#mvcc, this.#leases, this.#quotas);
    this.#growth = new Growth(this.#mvcc, this.#quotas, this.#limits);
  }

  /**
   * Builds the state that an image holds.
   * @throws Error when the image contradicts itself or does not have the hash it says.
   */
  static restore(image: StateImage, history: HistoryReader, bounds: LeaseBounds = leaseBounds): StateMachine {
    const steps = StateMachine.restoring(image, history, Number.POSITIVE_INFINITY, bounds);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /**
   * The same, in steps of so many changes, leases or keys, for a caller that has other work to do in between.
   * @throws Error as restore() does, at whichever step.
   */
  static *restoring(
    image: StateImage,
    history: HistoryReader,
    stepChanges: number,
    bounds: LeaseBounds = leaseBounds,
  ): Generator<undefined, StateMachine> {
    const machine = new StateMachine(history, bounds);
    yield* machine.#restoring(image, new StepBudget(stepChanges));
    return machine;
  }

  /** Index of the last entry applied, 0 before the first. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Term of that entry. */
  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  /** The current revision: 0 for a store never written to. */
  get revision(): number {
    return this.#mvcc.revision;
  }

  /** The lowest readable revision, 0 when nothing was compacted. */
  get compactedRevision(): number {
    return this.#mvcc.compactedRevision;
  }

  /** How many keys exist. */
  get keyCount(): number {
    return this.#mvcc.live.size;
  }

  /** Number of the last change. */
  get lastSeq(): number {
    return this.#mvcc.lastSeq;
  }

  /** How many leases exist, sessions among them. */
  get leaseCount(): number {
    return this.#leases.size;
  }

  /** Hash of the whole state, 16 hexadecimal digits: equal on all nodes that applied the same entries. */
  get hash(): string {
    const digest = new Digest();
    digest.start(stateTag);
    digest.number(this.#hash.a);
    digest.number(this.#hash.b);
    digest.number(this.#mvcc.revision);
    digest.number(this.#mvcc.compactedRevision);
    // They follow from the history, but decide what is refused, and of the history the hash has nothing else.
    digest.number(this.#mvcc.spaceBytes);
    digest.number(this.#mvcc.historyBytes);
    digest.number(this.#mvcc.heldBytes);
    digest.number(this.#leases.nextId);
    digest.finish();
    return hexOf(digest.a, digest.b);
  }

  /** Index of the entry that brought the cluster's configuration as applied, 0 for none yet. */
  get configurationIndex(): number {
    return this.#configuration.index;
  }

  /** The cluster's configuration as applied, encoded; the same object until it changes, empty for none yet. */
  get configuration(): Uint8Array {
    return this.#configuration.encoded;
  }

  /**
   * Applies the next log entry: its commands in order, none for a no-op, or the cluster's new configuration, encoded.
   * @throws Error when `index` is not the next one, or the state contradicts itself: the node must stop.
   */
  apply(index: number, term: number, commands: readonly Command[], configuration?: Uint8Array): Applied {
    invariant(index === this.#appliedIndex + 1, `entry ${index} follows entry ${this.#appliedIndex}`);
    this.#granted = [];
    this.#ended = [];
    const before = this.#mvcc.lastSeq;
    const results: Result[] = [];
    for (const command of commands) {
      this.#mvcc.beginCommand();
      results.push(this.#applyOne(command, term));
    }
    if (configuration !== undefined) this.#configuration.set(index, configuration);
    this.#appliedIndex = index;
    this.#appliedTerm = term;
    const changes = this.#mvcc.lastSeq === before ? [] : this.changeLog.since(before + 1);
    return { results, changes, leasesGranted: this.#granted, leasesEnded: this.#ended };
  }

  /** Reads from the state as it is here and now. */
  read(range: Range): RangeResult | ErrorResult {
    return checkRevision(this.#mvcc, range.revision) ?? readRange(this.#mvcc, range);
  }

  /**
   * The entry before the change of `key` at `revision`; undefined when there was none, or when the change itself is
   * compacted. That of a change at the compacted revision is there: it stopped being current at that revision.
   */
  previousOf(key: Key, revision: number): Entry | undefined {
    if (revision < this.#mvcc.compactedRevision) return undefined;
    return this.#mvcc.getAt(key, revision - 1);
  }

  /**
   * The changes of one key, oldest first: fetched as they are walked, before the next entry is applied. COMPACTED or
   * FUTURE_REVISION for revisions that cannot be read.
   */
  history(range: HistoryRange): Iterable<Change> | ErrorResult {
    return readHistory(this.#mvcc, range);
  }

  /**
   * Counts up to `keysMax` keys of the subtree of `key`, itself included, as of `revision`: from its beginning, or from
   * where the part before ended.
   */
  measure(key: Key, revision: number, from: Key | undefined, keysMax: number): Measured | ErrorResult {
    return checkRevision(this.#mvcc, revision) ?? measureSubtree(this.#mvcc, key, revision, from, keysMax);
  }

  /** The quota of a subtree and what the subtree holds; undefined when it has none of its own. */
  quota(key: Key): QuotaUsage | undefined {
    return this.#quotas.get(key);
  }

  /** All quotas, in key order. */
  quotas(): QuotaUsage[] {
    return this.#quotas.all();
  }

  /** The limits that the log set. */
  get limits(): Limits {
    return this.#limits.current;
  }

  /** Id of the history that this is the state of, 16 hexadecimal digits; "" while it has none. */
  get historyId(): string {
    return this.#historyId.current;
  }

  /** Bytes that everything retained takes: current versions, older ones and deletes. */
  get spaceBytes(): number {
    return this.#mvcc.spaceBytes;
  }

  /** How many of them are history. */
  get historyBytes(): number {
    return this.#mvcc.historyBytes;
  }

  /**
   * The revision at which a put was last refused for want of space that compaction could have made; 0 for none among the
   * entries that this object applied. It is no part of the state: one that was restored knows of none before.
   */
  get curableRefusalRevision(): number {
    return this.#growth.curableRefusalRevision;
  }

  /** A lease or session; undefined when it does not exist. */
  leaseInfo(id: number): LeaseInfo | undefined {
    return this.#leases.get(id);
  }

  /** All leases and sessions, in no order. */
  allLeases(): Iterable<LeaseInfo> {
    return this.#leases.all();
  }

  /** What the members said of themselves, in the order of their ids. */
  members(): readonly SetMember[] {
    return this.#members.all();
  }

  /** What a member said of itself; undefined when it said nothing yet. A member that was removed is remembered. */
  member(id: number): SetMember | undefined {
    return this.#members.get(id);
  }

  /** How many changes `takeDelta` would hand out. */
  get pendingChanges(): number {
    return this.#mvcc.lastSeq - this.#takenSeq;
  }

  /** Everything that changed since the last call, for the disk. */
  takeDelta(): StateDelta {
    const changes = this.changeLog.since(this.#takenSeq + 1);
    this.#takenSeq = this.#mvcc.lastSeq;
    const { changed, removed } = this.#leases.takeDelta();
    return {
      changes,
      forgotten: this.#mvcc.takeForgotten(),
      leasesRemoved: removed,
      leases: changed,
      members: this.#members.takeChanged(),
      quotas: this.#quotas.takeChanged(),
      limits: this.#limits.takeChanged(),
      historyId: this.#historyId.takeChanged(),
      meta: this.#meta(),
    };
  }

  #meta(): StateMeta {
    return {
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      revision: this.#mvcc.revision,
      compactedRevision: this.#mvcc.compactedRevision,
      lastSeq: this.#mvcc.lastSeq,
      nextLeaseId: this.#leases.nextId,
      configurationIndex: this.#configuration.index,
      configuration: this.#configuration.encoded,
      hash: this.hash,
    };
  }

  /** The exactly-once rules, then the fence, then the command itself. */
  #applyOne(command: Command, term: number): Result {
    const { sessionId, sequence } = command;
    if (sessionId === 0) return this.#applyFenced(command, term);
    const lease = this.#leases.get(sessionId);
    const session = lease?.session;
    if (lease === undefined || session === undefined) {
      return refuse("SESSION_EXPIRED", `session ${sessionId} does not exist`);
    }
    if (sequence < 1)
      return refuse("INVALID_ARGUMENT", "the sequence of a session's mutation must be at least 1");
    if (sequence < session.lowestPending) {
      return refuse(
        "SEQUENCE_FORGOTTEN",
        `the result of sequence ${sequence} was acknowledged and forgotten`,
      );
    }
    // A client waits for the very mutation it sends, so its own sequence is never below the lowest pending one.
    this.#leases.acknowledge(lease, session, Math.min(command.lowestPending, sequence));
    const kept = session.results.get(sequence);
    if (kept !== undefined) return kept;
    const full = session.fullness(this.#limits.current.sessionResultBytesMax);
    if (full !== undefined) {
      return refuse(
        "SESSION_FULL",
        `the session keeps ${full} for retries, as many as it may: raise its lowest pending sequence`,
      );
    }
    if (this.#leases.isFull && !endsItsSession(command)) {
      return refuse(
        "SESSION_FULL",
        `all sessions together keep ${this.#leaseBounds.resultBytesMax} bytes of results for retries, as many as they may: acknowledge results, or end sessions that keep many`,
      );
    }
    const result = boundedResult(this.#applyFenced(command, term));
    // Unless the command ended the very session it came on.
    if (this.#leases.get(sessionId) === lease) this.#leases.keep(lease, session, sequence, result);
    return result;
  }

  #applyFenced(command: Command, term: number): Result {
    const fenced = command.fence === undefined ? undefined : checkFence(this.#mvcc, command.fence);
    return fenced ?? this.#applyBody(command.body, term);
  }

  #applyBody(body: CommandBody, term: number): Result {
    switch (body.kind) {
      case "put":
        return this.#writer.checkPut(body) ?? this.#growth.checkPut(body) ?? this.#writer.put(body);
      case "delete":
        return this.#writer.deleteRange(body);
      case "txn":
        return applyTxn(this.#mvcc, this.#writer, this.#growth, body);
      case "grant":
        return this.#grant(body);
      case "revoke":
        return this.#revoke(body);
      case "expire":
        return this.#expire(body, term);
      case "checkpoint":
        return this.#checkpoint(body, term);
      case "compact":
        return this.#compact(body);
      case "member":
        return this.#setMember(body);
      case "quota":
        return this.#setQuota(body);
      case "limits":
        return this.#setLimits(body);
      case "historyId":
        return this.#setHistoryId(body);
    }
  }

  /**
   * A member is one data directory for ever: a second one would not know what the first one promised. The first record
   * of a member in the log claims it; any with another incarnation is refused, on every node alike.
   */
  #setMember(member: SetMember): Result {
    const claimed = this.#members.get(member.memberId)?.incarnation;
    if (claimed !== undefined && claimed !== member.incarnation) {
      return refuse(
        "MEMBERSHIP_REFUSED",
        `member ${member.name} belongs to another data directory (incarnation ${claimed}, not ${member.incarnation}): remove the member and add it again`,
      );
    }
    this.#members.set(member);
    return this.#done();
  }

  #setQuota(quota: SetQuota): Result {
    const mvcc = this.#mvcc;
    const isNew = this.#quotas.get(quota.key) === undefined;
    const keys = isNew ? mvcc.live.count(subtreeStart(quota.key), subtreeEnd(quota.key)) : 0;
    if (keys > quotaCountedKeysMax) {
      return refuse(
        "INVALID_ARGUMENT",
        `a quota can be set while its subtree holds at most ${quotaCountedKeysMax} keys; this one holds ${keys}`,
      );
    }
    return this.#quotas.set(quota, () => measureSubtree(mvcc, quota.key, mvcc.revision)) ?? this.#done();
  }

  #setLimits({ spaceBytesMax, sessionResultBytesMax }: SetLimits): Result {
    this.#limits.set({ spaceBytesMax, sessionResultBytesMax });
    return this.#done();
  }

  #setHistoryId({ id }: SetHistoryId): Result {
    this.#historyId.begin(id);
    return this.#done();
  }

  #grant(grant: Grant): Result {
    const lease = this.#leases.grant(grant, this.#appliedIndex + 1);
    if ("kind" in lease) return lease;
    this.#granted.push(lease.id);
    return { kind: "grant", lease: lease.id, ttlMs: lease.ttlMs };
  }

  #revoke(revoke: Revoke): Result {
    const lease = this.#leases.get(revoke.lease);
    if (lease === undefined) return refuse("LEASE_NOT_FOUND", `lease ${revoke.lease} does not exist`);
    this.#writer.endLease(lease);
    this.#ended.push(lease.id);
    return this.#done();
  }

  #expire(expire: Expire, term: number): Result {
    // A leader that was replaced may have missed renewals: what it saw counts only in its own term.
    if (expire.term !== term) return this.#done();
    for (const id of expire.leases) {
      const lease = this.#leases.get(id);
      // One granted since under the same id has its own time before it.
      if (lease === undefined || lease.grantedIndex > expire.asOfIndex) continue;
      this.#writer.endLease(lease);
      this.#ended.push(id);
    }
    return this.#done();
  }

  #checkpoint(checkpoint: Checkpoint, term: number): Result {
    // As with an expiry: another leader may have renewed them since.
    if (checkpoint.term !== term) return this.#done();
    for (const { id, remainingMs } of checkpoint.leases) {
      const lease = this.#leases.get(id);
      if (lease === undefined || lease.grantedIndex > checkpoint.asOfIndex) continue;
      this.#leases.checkpoint(lease, remainingMs);
    }
    return this.#done();
  }

  #compact(compact: Compact): Result {
    const { revision } = compact;
    const mvcc = this.#mvcc;
    if (revision < 0) return refuse("INVALID_ARGUMENT", "the revision must not be negative");
    if (revision > mvcc.revision) {
      return refuse("FUTURE_REVISION", `revision ${revision} has not happened yet`, mvcc.revision);
    }
    if (revision <= mvcc.compactedRevision) {
      return refuse("COMPACTED", `revision ${revision} was compacted`, mvcc.compactedRevision);
    }
    mvcc.compact(revision);
    return this.#done();
  }

  #done(): DoneResult {
    return { kind: "done", revision: this.#mvcc.revision };
  }

  *#restoring(image: StateImage, budget: StepBudget): Generator<undefined, void> {
    const { meta } = image;
    yield* this.#leases.restoring(image.leases, meta.nextLeaseId, budget);
    this.#members.restore(image.members);
    yield* this.#mvcc.restoring(image.changes, meta, budget, (key, lease) => this.#leases.attach(key, lease));
    this.#quotas.restore(image.quotas);
    yield* this.#countQuotas(budget);
    if (image.limits !== undefined) this.#limits.restore(image.limits);
    if (image.historyId !== undefined) this.#historyId.restore(image.historyId);
    this.#appliedIndex = meta.appliedIndex;
    this.#appliedTerm = meta.appliedTerm;
    if (meta.configurationIndex > 0) this.#configuration.set(meta.configurationIndex, meta.configuration);
    this.#takenSeq = meta.lastSeq;
    invariant(this.hash === meta.hash, `the restored state has hash ${this.hash}, not ${meta.hash}`);
  }

  /** What the subtrees of quotas hold follows from the keys: one pass over them all. */
  *#countQuotas(budget: StepBudget): Generator<undefined, void> {
    if (this.#quotas.isEmpty) return;
    const cursor = this.#mvcc.live.seek("");
    for (let key = cursor.key; key !== undefined; key = cursor.key) {
      if (budget.ends(1)) yield;
      this.#quotas.changed(key, 1, key.length + (this.#mvcc.get(key)?.value.length ?? 0));
      cursor.next();
    }
  }
}

/** Whether nothing of it is kept, because its session ends with it: it makes room where there is none. */
function endsItsSession({ sessionId, fence, body }: Command): boolean {
  return fence === undefined && body.kind === "revoke" && body.lease === sessionId;
}
