import type { ConfigurationAt } from "./configuration.js";
import { ConfigurationHistory } from "./configuration-history.js";
import type { LogEntry, LogPosition } from "./entry.js";
import { invariant } from "./invariant.js";
import type { LogStorage } from "./log-storage.js";

/** Entries handed out to be persisted, of which nothing was heard yet. */
interface Writing {
  /** The last of them. */
  readonly last: LogPosition;
  /** Up to here the log still holds what is being written. */
  validTo: number;
}

/**
 * The log as Raft sees it: its newest entries in memory, the older ones in the storage.
 *
 * Invariants: start.index <= applied <= applying <= committed <= lastIndex, applying <= persisted <= handedOut <=
 * lastIndex; indexes are consecutive and terms never fall along the log; an entry at or below `committed` never changes.
 */
export class RaftLog {
  private readonly storage: LogStorage;
  private readonly cacheBytesMax: number;
  /** cache[i] has index cacheStart + i; it reaches to the last entry of the log. */
  private cache: LogEntry[] = [];
  private cacheStart: number;
  private cacheBytes = 0;
  private startPosition: LogPosition;
  readonly configurations: ConfigurationHistory;

  committed: number;
  applied: number;
  /** Every entry up to here was handed out to be applied. */
  private applying: number;
  /** Every entry up to here is durable on this node. */
  persisted: number;
  /** Every entry up to here was handed out to be persisted. */
  private handedOut: number;
  /** Oldest first: a storage writes in order. */
  private readonly writing: Writing[] = [];

  /** `configuration` is the one in effect at `applied`. */
  constructor(storage: LogStorage, configuration: ConfigurationAt, applied: number, cacheBytesMax: number) {
    this.storage = storage;
    this.cacheBytesMax = cacheBytesMax;
    this.startPosition = storage.start();
    const last = storage.lastIndex();
    invariant(
      this.startPosition.index <= applied && applied <= last,
      `applied ${applied} is outside the log`,
    );
    this.committed = applied;
    this.applied = applied;
    this.applying = applied;
    this.persisted = last;
    this.handedOut = last;
    this.cacheStart = last + 1;
    this.configurations = new ConfigurationHistory(configuration, applied, storage.configurations());
  }

  /** The entry right before the first one that can be read. */
  get start(): LogPosition {
    return this.startPosition;
  }

  get lastIndex(): number {
    return this.cacheStart + this.cache.length - 1;
  }

  get lastTerm(): number {
    const last = this.cache[this.cache.length - 1];
    return last === undefined ? this.storedTerm(this.lastIndex) : last.term;
  }

  /** Term of the entry at `index`; undefined when the log does not reach there, at either end. */
  term(index: number): number | undefined {
    if (index < this.startPosition.index || index > this.lastIndex) return undefined;
    const cached = this.cache[index - this.cacheStart];
    return cached === undefined ? this.storedTerm(index) : cached.term;
  }

  private storedTerm(index: number): number {
    return index === this.startPosition.index ? this.startPosition.term : this.storage.term(index);
  }

  /** Raft paper, section 5.4.1: whether a log ending there is at least as up to date as this one. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.lastTerm;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  /**
   * Entries from `low` on: at least one if there is any, then as many as fit in `bytesMax`, up to `high`. Those that only
   * the storage has come by themselves, without the ones in memory that follow.
   */
  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    if (low > high) return [];
    if (low < this.cacheStart) {
      return this.storage.entries(low, Math.min(high, this.cacheStart - 1), bytesMax);
    }
    const from = low - this.cacheStart;
    const limit = Math.min(high - this.cacheStart + 1, this.cache.length);
    let to = from;
    for (let bytes = 0; to < limit; to++) {
      bytes += this.cache[to]?.data.length ?? 0;
      if (bytes > bytesMax && to > from) break;
    }
    return this.cache.slice(from, to);
  }

  /** What the data of the entries from `low` to `high` come to, in bytes, be they in memory or in the storage. */
  bytes(low: number, high: number): number {
    let bytes = 0;
    for (let at = low; at <= high; ) {
      const some = this.entries(at, high, Number.POSITIVE_INFINITY);
      for (const { data } of some) bytes += data.length;
      at += some.length;
    }
    return bytes;
  }

  append(entry: LogEntry): void {
    invariant(
      entry.index === this.lastIndex + 1,
      () => `entry ${entry.index} does not follow ${this.lastIndex}`,
    );
    invariant(entry.term >= this.lastTerm, () => `term ${entry.term} follows ${this.lastTerm} in the log`);
    this.cache.push(entry);
    this.cacheBytes += entry.data.length;
    if (entry.kind === "configuration") this.configurations.appended(entry);
  }

  /**
   * Takes a leader's entries that follow a matching position: skips those it has, and cuts its own tail only where an
   * entry really differs, so that a stale or short message never shortens the log. Returns the last index covered.
   */
  merge(previousIndex: number, entries: readonly LogEntry[]): number {
    for (const [offset, entry] of entries.entries()) {
      invariant(entry.index === previousIndex + 1 + offset, "entries are not consecutive");
      if (this.term(entry.index) === entry.term) continue;
      if (entry.index <= this.lastIndex) this.truncateFrom(entry.index);
      this.append(entry);
    }
    return previousIndex + entries.length;
  }

  private truncateFrom(index: number): void {
    invariant(
      index > this.committed,
      `a committed entry (${index} <= ${this.committed}) would be overwritten`,
    );
    if (index < this.cacheStart) {
      this.cache = [];
      this.cacheStart = index;
      this.cacheBytes = 0;
    } else {
      for (const gone of this.cache.splice(index - this.cacheStart)) this.cacheBytes -= gone.data.length;
    }
    this.persisted = Math.min(this.persisted, index - 1);
    this.handedOut = Math.min(this.handedOut, index - 1);
    for (const write of this.writing) write.validTo = Math.min(write.validTo, index - 1);
    this.configurations.truncatedFrom(index);
  }

  /** The highest index at or below `index` whose term is at most `term`: where two logs may agree at best. */
  lastIndexAtMostTerm(index: number, term: number): LogPosition {
    let candidate = Math.min(index, this.lastIndex);
    for (;;) {
      const own = this.term(candidate);
      // Below the log's start everything is committed, so it agrees.
      if (own === undefined) return { index: candidate, term: 0 };
      if (own <= term) return { index: candidate, term: own };
      candidate--;
    }
  }

  commitTo(index: number): boolean {
    if (index <= this.committed) return false;
    invariant(index <= this.lastIndex, () => `commit ${index} is past the log's end ${this.lastIndex}`);
    this.committed = index;
    return true;
  }

  get hasUnpersisted(): boolean {
    return this.handedOut < this.lastIndex;
  }

  /** The entries not yet handed out to be persisted; handed out now. They are always in memory. */
  takeUnpersisted(): LogEntry[] {
    const entries = this.cache.slice(this.handedOut + 1 - this.cacheStart);
    this.handedOut = this.lastIndex;
    const last = entries[entries.length - 1];
    if (last !== undefined) {
      this.writing.push({ last: { index: last.index, term: last.term }, validTo: last.index });
    }
    return entries;
  }

  /**
   * The storage made the entries handed out up to this one durable, the last of their batch. What was truncated away
   * since does not count, even if the log holds such an entry again: its rewriting is still on the way.
   */
  persistedTo(position: LogPosition): void {
    const at = this.writing.findIndex(
      ({ last }) => last.index === position.index && last.term === position.term,
    );
    if (at === -1) return;
    for (const { validTo } of this.writing.splice(0, at + 1)) {
      this.persisted = Math.max(this.persisted, validTo);
    }
    invariant(this.persisted <= this.handedOut, () => `persisted ${this.persisted} was never handed out`);
  }

  get hasUnapplied(): boolean {
    return this.applying < Math.min(this.committed, this.persisted);
  }

  /** Committed entries to apply next, handed out now; only what is durable, so that the state never outruns the log. */
  takeUnapplied(bytesMax: number): LogEntry[] {
    const entries = this.entries(this.applying + 1, Math.min(this.committed, this.persisted), bytesMax);
    this.applying += entries.length;
    return entries;
  }

  appliedTo(index: number): void {
    // What was being applied when a snapshot took its place.
    if (index <= this.startPosition.index) return;
    invariant(index >= this.applied && index <= this.applying, () => `applied ${index} out of order`);
    this.applied = index;
    while (this.cacheBytes > this.cacheBytesMax || this.cache.length > CACHE_ENTRIES_MAX) {
      // Half at once, so that the cost of moving the rest is paid rarely.
      const droppable = Math.min(this.applied, this.persisted) - this.cacheStart + 1;
      const count = Math.min(droppable, Math.ceil(this.cache.length / 2));
      if (count <= 0) return;
      for (const gone of this.cache.splice(0, count)) this.cacheBytes -= gone.data.length;
      this.cacheStart += count;
    }
  }

  /** The storage cut the log up to this position. */
  cutTo(position: LogPosition): void {
    invariant(position.index <= this.applied, "the log would be cut past the applied index");
    if (position.index <= this.startPosition.index) return;
    this.startPosition = position;
    this.configurations.cutTo(position.index);
    const count = position.index - this.cacheStart + 1;
    if (count > 0) {
      for (const gone of this.cache.splice(0, count)) this.cacheBytes -= gone.data.length;
      this.cacheStart += count;
    }
  }

  /** Replaces the whole log by a snapshot that covers it up to this position. */
  restore(position: LogPosition, configuration: ConfigurationAt): void {
    invariant(position.index > this.committed, "a snapshot would move the commit index back");
    invariant(configuration.index <= position.index, "a snapshot's configuration is newer than the snapshot");
    this.cache = [];
    this.cacheBytes = 0;
    this.cacheStart = position.index + 1;
    this.startPosition = position;
    this.committed = position.index;
    this.applied = position.index;
    this.applying = position.index;
    this.persisted = position.index;
    this.handedOut = position.index;
    for (const write of this.writing) write.validTo = Math.min(write.validTo, position.index);
    this.configurations.restored(configuration);
  }
}

/** Entries kept in memory whatever their size: an entry holds a batch, so this is some ten thousand commands. */
const CACHE_ENTRIES_MAX = 4_096;
