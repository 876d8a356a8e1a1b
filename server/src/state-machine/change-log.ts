import type { Change } from "./entry.js";
import { invariant } from "./invariant.js";
import { changeLogBytesMax, changeLogCountMax } from "./limits.js";

/** What a change costs beside its key and values, in bytes: the objects that hold it. */
const overheadBytes = 200;

/**
 * The recent changes, in memory: what watches are served from, and where versions live that are not on disk yet. A
 * window over the history without gaps; its bounds hold as soon as the changes past them are on disk.
 */
export class ChangeLog {
  readonly #countMax: number;
  readonly #bytesMax: number;
  // Changes of consecutive seqs; those before #head are dropped and wait for the array to be cut.
  #changes: Change[] = [];
  #head = 0;
  #bytes = 0;
  #flushedSeq = 0;
  #firstRevision = 1;

  constructor(countMax: number = changeLogCountMax, bytesMax: number = changeLogBytesMax) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** Every change of this revision and of all later ones is in the window. */
  get firstRevision(): number {
    return this.#firstRevision;
  }

  /** How many changes the window holds. */
  get length(): number {
    return this.#changes.length - this.#head;
  }

  /** Appends the next change. */
  push(change: Change): void {
    const last = this.#changes[this.#changes.length - 1];
    if (last !== undefined && this.length > 0) {
      invariant(change.seq === last.seq + 1, `change ${change.seq} follows ${last.seq}`);
      invariant(change.revision >= last.revision, `revision ${change.revision} follows ${last.revision}`);
    }
    this.#changes.push(change);
    this.#bytes += bytesOf(change);
    this.#enforce();
  }

  /** Starts over, empty: the window will hold `firstRevision` and later. */
  restart(firstRevision: number): void {
    this.#changes = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#firstRevision = firstRevision;
  }

  /** Changes up to `flushedSeq` are on disk: those past the bounds are dropped, oldest first. */
  trim(flushedSeq: number): void {
    this.#flushedSeq = Math.max(this.#flushedSeq, flushedSeq);
    this.#enforce();
  }

  /** The change of that seq; undefined when the window does not hold it. */
  bySeq(seq: number): Change | undefined {
    const first = this.#changes[this.#head];
    if (first === undefined || seq < first.seq) return undefined;
    return this.#changes[this.#head + seq - first.seq];
  }

  /** The changes of `seq` and later. */
  since(seq: number): Change[] {
    const first = this.#changes[this.#head];
    if (first === undefined) return [];
    return this.#changes.slice(this.#head + Math.max(0, seq - first.seq));
  }

  /**
   * The changes from `revision` on, in order: `limit` of them, and as many more as the last revision needs to be whole.
   * @throws Error when the window begins later: ask `firstRevision` before, and read from disk what is older.
   */
  from(revision: number, limit: number): Change[] {
    invariant(
      revision >= this.#firstRevision,
      `revision ${revision} is before the window at ${this.#firstRevision}`,
    );
    let low = this.#head;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const change = this.#changes[middle];
      if (change !== undefined && change.revision < revision) low = middle + 1;
      else high = middle;
    }
    let end = Math.min(low + Math.max(1, limit), this.#changes.length);
    while (end < this.#changes.length && this.#changes[end]?.revision === this.#changes[end - 1]?.revision)
      end += 1;
    return this.#changes.slice(low, end);
  }

  #enforce(): void {
    while (this.length > this.#countMax || this.#bytes > this.#bytesMax) {
      const oldest = this.#changes[this.#head];
      if (oldest === undefined || oldest.seq > this.#flushedSeq) break;
      this.#bytes -= bytesOf(oldest);
      this.#firstRevision = oldest.revision + 1;
      this.#head += 1;
    }
    // Cut the array when half of it is dropped: each change is moved at most once on average. Until then the dropped
    // ones stay referenced, which is at most another window's worth.
    if (this.#head > 64 && this.#head > this.#changes.length / 2) {
      this.#changes = this.#changes.slice(this.#head);
      this.#head = 0;
    }
  }
}

function bytesOf(change: Change): number {
  const entry = change.entry === undefined ? 0 : change.entry.value.length;
  const previous = change.previous === undefined ? 0 : change.previous.value.length;
  return change.key.length + entry + previous + overheadBytes;
}
