import type { ChangeLog } from "./change-log.js";
import type { Change, Entry, HistoryReader } from "./entry.js";
import { Digest, entryTag, type StateHash } from "./hash.js";
import { invariant } from "./invariant.js";
import type { Key } from "./key.js";
import { KeyRecord } from "./key-record.js";
import { KeyTable } from "./key-table.js";
import { changeLogCountMax, versionOverheadBytes } from "./limits.js";
import { OrderedKeys } from "./ordered-keys.js";
import type { StateMeta } from "./state-image.js";
import type { StepBudget } from "./step-budget.js";
import { Supersessions } from "./supersessions.js";

/** What a retained version counts in the space of the store, in bytes; a delete is a version without a value. */
export function versionBytes(key: Key, value?: Uint8Array): number {
  return key.length + (value === undefined ? 0 : value.length) + versionOverheadBytes;
}

/**
 * The flat multi-version store. Current versions are in memory; an older one is found by its seq, in the change log or
 * through the history reader. Two indexes are kept in key order, of the keys that exist and of the deleted ones whose
 * history is retained, so that current reads never wade through deleted keys.
 *
 * Retained are the current versions, and every version or delete that was superseded, or made, at or after the
 * compacted revision. So a read at the compacted revision works, and every change from it on can still be streamed.
 */
export class Mvcc {
  readonly live = new OrderedKeys();
  readonly deleted = new OrderedKeys();
  readonly #records = new KeyTable<KeyRecord>();
  readonly #supersessions = new Supersessions();
  readonly #changeLog: ChangeLog;
  readonly #history: HistoryReader;
  readonly #hash: StateHash;
  readonly #digest = new Digest();
  #revision = 0;
  #compactedRevision = 0;
  #lastSeq = 0;
  // Whether the command being applied has changed something, and so has its revision already.
  #changed = false;
  #forgotten: number[] = [];
  // Invariant: together the sum of versionBytes over every retained change, so that a restored store has the same.
  #liveBytes = 0;
  #historyBytes = 0;
  // How many bytes of history became it at #endedRevision, the newest revision that ended anything.
  #endedBytes = 0;
  #endedRevision = 0;

  constructor(changeLog: ChangeLog, history: HistoryReader, hash: StateHash) {
    this.#changeLog = changeLog;
    this.#history = history;
    this.#hash = hash;
  }

  /** The current revision. During a command it is the command's own, from its first change on. */
  get revision(): number {
    return this.#revision;
  }

  /** The lowest readable revision, 0 when nothing was compacted. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Number of the last change. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Bytes that everything retained takes: current versions, older ones and deletes. */
  get spaceBytes(): number {
    return this.#liveBytes + this.#historyBytes;
  }

  /** How much of them a compaction at the current revision could free at most. */
  get historyBytes(): number {
    return this.#historyBytes;
  }

  /**
   * The same, without what compaction would have freed, had it not ended at the very revision that is compacted and
   * current: only another change lets that be compacted, so it must not be what keeps every change out.
   */
  get heldBytes(): number {
    const stuck = this.#compactedRevision === this.#revision && this.#endedRevision === this.#revision;
    return this.spaceBytes - (stuck ? this.#endedBytes : 0);
  }

  /** The revision the next change will have. */
  get writeRevision(): number {
    return this.#changed ? this.#revision : this.#revision + 1;
  }

  /** Begins a command: its first change raises the revision, the others share it. */
  beginCommand(): void {
    this.#changed = false;
  }

  /** The current entry of `key`. */
  get(key: Key): Entry | undefined {
    return this.#records.get(key)?.current;
  }

  /** Whether `key` exists as of `revision`, which must be readable. */
  existsAt(key: Key, revision: number): boolean {
    return this.#records.get(key)?.existsAt(revision) ?? false;
  }

  /**
   * The entry of `key` as of `revision`, which must be readable.
   * @throws Error when the history has lost the version.
   */
  getAt(key: Key, revision: number): Entry | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    if (record.revision <= revision) return record.current;
    const seq = record.olderSeqAt(revision);
    if (seq <= 0) return undefined;
    const change = this.#changeLog.bySeq(seq) ?? this.#history.change(seq);
    invariant(
      change?.entry !== undefined,
      `change ${seq} of revision ${revision} is missing from the history`,
    );
    return change.entry;
  }

  /**
   * The retained changes of `key` from revision `from` to `to`, oldest first, without `previous`; fetched as they are
   * walked.
   * @throws Error when the history has lost a version.
   */
  *changesOf(key: Key, from: number, to: number): Generator<Change> {
    const record = this.#records.get(key);
    if (record === undefined) return;
    for (const [revision, seq] of record.olderBetween(from, to)) {
      if (seq < 0) {
        yield { seq: -seq, revision, key, entry: undefined, previous: undefined };
        continue;
      }
      const change = this.#changeLog.bySeq(seq) ?? this.#history.change(seq);
      invariant(change?.entry !== undefined, `change ${seq} of revision ${revision} is missing`);
      yield { ...change, previous: undefined };
    }
    const { revision, seq, current } = record;
    if (revision >= from && revision <= to) {
      yield { seq, revision, key, entry: current, previous: undefined };
    }
  }

  /** Writes a key; returns the entry before. At most one change of a key in one command. */
  put(key: Key, value: Uint8Array, lease: number): Entry | undefined {
    const revision = this.#raise();
    let record = this.#records.get(key);
    if (record === undefined) {
      record = new KeyRecord(key);
      this.#records.set(key, record);
      this.live.add(key);
    } else {
      invariant(record.revision < revision, "two changes of one key in one revision");
    }
    const previous = record.current;
    if (record.seq > 0) {
      record.supersede();
      if (previous === undefined) {
        this.deleted.delete(key);
        this.live.add(key);
      } else {
        this.#supersede(revision, record, previous);
        this.#hash.remove(record.hashA, record.hashB);
      }
    }
    this.#liveBytes += versionBytes(key, value);
    const entry: Entry = {
      key,
      value,
      createRevision: previous === undefined ? revision : previous.createRevision,
      modRevision: revision,
      version: previous === undefined ? 1 : previous.version + 1,
      lease,
    };
    this.#setCurrent(record, entry);
    this.#hash.add(record.hashA, record.hashB);
    this.#record(record, revision, previous);
    return previous;
  }

  /** Deletes a key; returns the entry before, undefined when there was none and so nothing happened. */
  delete(key: Key): Entry | undefined {
    const record = this.#records.get(key);
    const previous = record?.current;
    if (record === undefined || previous === undefined) return undefined;
    const revision = this.#raise();
    invariant(record.revision < revision, "two changes of one key in one revision");
    record.supersede();
    this.#hash.remove(record.hashA, record.hashB);
    record.current = undefined;
    this.live.delete(key);
    this.deleted.add(key);
    // One for the version that ends here, one for the delete itself, which is current but never worth keeping longer.
    this.#supersede(revision, record, previous);
    this.#bury(revision, record);
    this.#record(record, revision, previous);
    return previous;
  }

  /** Makes revisions below `revision` unreadable, in time proportional to the number of versions it forgets. */
  compact(revision: number): void {
    invariant(revision > this.#compactedRevision && revision <= this.#revision, `compaction at ${revision}`);
    this.#compactedRevision = revision;
    for (;;) {
      const record = this.#supersessions.takeBelow(revision);
      if (record === undefined) return;
      this.#historyBytes -= this.#supersessions.takenBytes;
      const seq = record.forgetOldest();
      if (seq !== undefined) {
        this.#forgotten.push(seq);
        continue;
      }
      invariant(record.current === undefined, "the version to forget is current");
      this.#forgotten.push(record.seq);
      this.#records.delete(record.key);
      this.deleted.delete(record.key);
    }
  }

  /** The seqs forgotten since the last call. */
  takeForgotten(): number[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  /**
   * Takes in the retained changes of an earlier life, in seq order and in steps, then stands at the given revisions. The
   * changes from the compacted revision on enter the change log as far as it has room. `leased` is told of every key on a
   * lease.
   */
  *restoring(
    changes: Iterable<Change>,
    { revision, compactedRevision, lastSeq }: StateMeta,
    budget: StepBudget,
    leased: (key: Key, lease: number) => void,
  ): Generator<undefined, void> {
    let firstRevision = Math.max(1, compactedRevision);
    let logging = false;
    // Kept on the way: a walk over a million records that are no longer in any cache takes half a second.
    const onLease = new Set<KeyRecord>();
    for (const change of changes) {
      // Every KiB of a value takes as long as a small change.
      if (budget.ends(1 + ((change.entry?.value.length ?? 0) >>> 10))) yield;
      invariant(change.seq > this.#lastSeq, `change ${change.seq} is out of order`);
      invariant(change.revision >= this.#revision, `change ${change.seq} goes back in revision`);
      this.#lastSeq = change.seq;
      this.#revision = change.revision;
      const previous = this.#restoreChange(change, onLease);
      if (change.revision < compactedRevision) continue;
      // The log would drop what is further from the end; from the compacted revision on, numbers have no gaps.
      if (change.seq <= lastSeq - changeLogCountMax) {
        firstRevision = change.revision + 1;
        continue;
      }
      if (!logging) this.#changeLog.restart(firstRevision);
      logging = true;
      this.#changeLog.push({ ...change, previous });
      this.#changeLog.trim(change.seq);
    }
    if (!logging) this.#changeLog.restart(firstRevision);
    invariant(this.#lastSeq <= lastSeq && this.#revision <= revision, "the history goes past its end");
    for (const { key, current } of onLease) {
      if (budget.ends(1)) yield;
      if (current !== undefined && current.lease !== 0) leased(key, current.lease);
    }
    this.#lastSeq = lastSeq;
    this.#revision = revision;
    this.#compactedRevision = compactedRevision;
  }

  /** Takes in one change; its record joins `onLease` when the key is put on a lease. Returns what was before. */
  #restoreChange(change: Change, onLease: Set<KeyRecord>): Entry | undefined {
    const { key, revision, entry } = change;
    let record = this.#records.get(key);
    const fresh = record === undefined;
    if (record === undefined) {
      record = new KeyRecord(key);
      this.#records.set(key, record);
    } else {
      record.supersede();
    }
    const previous = record.current;
    if (previous !== undefined) {
      this.#supersede(revision, record, previous);
      this.#hash.remove(record.hashA, record.hashB);
    }
    if (entry === undefined) {
      record.current = undefined;
      this.#bury(revision, record);
      if (previous !== undefined) this.live.delete(key);
      if (previous !== undefined || fresh) this.deleted.add(key);
    } else {
      this.#liveBytes += versionBytes(key, entry.value);
      this.#setCurrent(record, entry);
      this.#hash.add(record.hashA, record.hashB);
      if (entry.lease !== 0) onLease.add(record);
      if (previous === undefined) {
        if (!fresh) this.deleted.delete(key);
        this.live.add(key);
      }
    }
    record.revision = revision;
    record.seq = change.seq;
    return previous;
  }

  /** The current version of a key becomes history at `revision`. */
  #supersede(revision: number, record: KeyRecord, version: Entry): void {
    const bytes = versionBytes(record.key, version.value);
    this.#liveBytes -= bytes;
    this.#end(revision, record, bytes);
  }

  /** A delete is history from the beginning: it is never worth keeping longer than what it deleted. */
  #bury(revision: number, record: KeyRecord): void {
    this.#end(revision, record, versionBytes(record.key));
  }

  #end(revision: number, record: KeyRecord, bytes: number): void {
    if (this.#endedRevision !== revision) this.#endedBytes = 0;
    this.#endedRevision = revision;
    this.#endedBytes += bytes;
    this.#historyBytes += bytes;
    this.#supersessions.push(revision, record, bytes);
  }

  #raise(): number {
    if (!this.#changed) {
      this.#changed = true;
      this.#revision += 1;
    }
    return this.#revision;
  }

  #setCurrent(record: KeyRecord, entry: Entry): void {
    const digest = this.#digest;
    digest.start(entryTag);
    digest.text(entry.key);
    digest.bytes(entry.value);
    digest.number(entry.createRevision);
    digest.number(entry.modRevision);
    digest.number(entry.version);
    digest.number(entry.lease);
    digest.finish();
    record.hashA = digest.a;
    record.hashB = digest.b;
    record.current = entry;
  }

  #record(record: KeyRecord, revision: number, previous: Entry | undefined): void {
    this.#lastSeq += 1;
    record.revision = revision;
    record.seq = this.#lastSeq;
    this.#changeLog.push({ seq: this.#lastSeq, revision, key: record.key, entry: record.current, previous });
  }
}
