import type { ChangeLog } from "./change-log.js";
import type { Change, Entry, HistoryReader } from "./entry.js";
import { Digest, entryTag, type StateHash } from "./hash.js";
import { invariant } from "./invariant.js";
import type { Key } from "./key.js";
import { KeyRecord } from "./key-record.js";
import { OrderedKeys } from "./ordered-keys.js";
import { Supersessions } from "./supersessions.js";

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
  readonly #records = new Map<Key, KeyRecord>();
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
        this.#supersessions.push(revision, record);
        this.#hash.remove(record.hashA, record.hashB);
      }
    }
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
    this.#supersessions.push(revision, record);
    this.#supersessions.push(revision, record);
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
   * Takes in the retained changes of an earlier life, in seq order, then stands at the given revisions. The changes
   * from the compacted revision on enter the change log as far as it has room.
   */
  restore(changes: Iterable<Change>, revision: number, compactedRevision: number, lastSeq: number): void {
    this.#changeLog.restart(Math.max(1, compactedRevision));
    for (const change of changes) {
      invariant(change.seq > this.#lastSeq, `change ${change.seq} is out of order`);
      invariant(change.revision >= this.#revision, `change ${change.seq} goes back in revision`);
      this.#lastSeq = change.seq;
      this.#revision = change.revision;
      const previous = this.#restoreChange(change);
      if (change.revision < compactedRevision) continue;
      this.#changeLog.push({ ...change, previous });
      this.#changeLog.trim(change.seq);
    }
    invariant(this.#lastSeq <= lastSeq && this.#revision <= revision, "the history goes past its end");
    for (const record of this.#records.values()) {
      if (record.current === undefined) continue;
      this.#setCurrent(record, record.current);
      this.#hash.add(record.hashA, record.hashB);
    }
    this.#lastSeq = lastSeq;
    this.#revision = revision;
    this.#compactedRevision = compactedRevision;
  }

  #restoreChange(change: Change): Entry | undefined {
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
    if (previous !== undefined) this.#supersessions.push(revision, record);
    if (entry === undefined) {
      this.#supersessions.push(revision, record);
      if (previous !== undefined) this.live.delete(key);
      if (previous !== undefined || fresh) this.deleted.add(key);
    } else if (previous === undefined) {
      if (!fresh) this.deleted.delete(key);
      this.live.add(key);
    }
    record.current = entry;
    record.revision = revision;
    record.seq = change.seq;
    return previous;
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
