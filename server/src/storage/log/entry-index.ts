import type { LogEntry } from "../../raft/index.js";
import { CorruptData } from "../errors.js";
import { ENTRY_HEADER_BYTES } from "./log-record.js";

/** Where an entry is stored. */
export interface EntryPlace {
  /** Number of the segment. */
  readonly segment: number;
  /** Where in it the entry begins, in bytes. */
  readonly offset: number;
  /** Bytes of it, its header included. */
  readonly bytes: number;
  /** What it is masked with. */
  readonly mask: number;
}

/**
 * Terms and places of the entries of a log, in memory.
 *
 * Invariant: the entries follow each other without a hole, and their segments never fall.
 */
export class EntryIndex {
  /** Index of the entry before the first one. */
  #base = 0;
  #terms: number[] = [];
  #segments: number[] = [];
  #offsets: number[] = [];
  #bytes: number[] = [];
  /** Masks that are not 0, by index: few groups have one. */
  readonly #masks = new Map<number, number>();
  readonly #configurations = new Set<number>();
  #dataBytes = 0;

  /** Index of the entry before the first one. */
  get base(): number {
    return this.#base;
  }

  get last(): number {
    return this.#base + this.#terms.length;
  }

  /** Indexes of the entries of kind "configuration", rising. */
  get configurations(): number[] {
    return [...this.#configurations];
  }

  /** Bytes of data of all entries. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /**
   * Puts an entry behind the others, or in place of the one with its index and all after it.
   * @throws CorruptData when there would be a hole.
   */
  put({ index, term, kind }: Omit<LogEntry, "data">, place: EntryPlace): void {
    if (index > this.last + 1) {
      throw new CorruptData(`log entry ${this.last + 1} is missing: the next one is ${index}`);
    }
    if (index <= this.#base) this.reset(index - 1);
    else if (index <= this.last) this.#truncate(index - 1);
    this.#terms.push(term);
    this.#segments.push(place.segment);
    this.#offsets.push(place.offset);
    this.#bytes.push(place.bytes);
    if (place.mask !== 0) this.#masks.set(index, place.mask);
    if (kind === "configuration") this.#configurations.add(index);
    this.#dataBytes += place.bytes - ENTRY_HEADER_BYTES;
  }

  #truncate(last: number): void {
    for (let index = last + 1; index <= this.last; index += 1) this.#forget(index);
    const count = last - this.#base;
    for (const column of [this.#terms, this.#segments, this.#offsets, this.#bytes]) column.length = count;
  }

  #forget(index: number): void {
    this.#dataBytes -= this.dataBytesOf(index);
    this.#masks.delete(index);
    this.#configurations.delete(index);
  }

  /** Forgets the entries up to `index`. */
  cut(index: number): void {
    const count = Math.min(index, this.last) - this.#base;
    if (count <= 0) return;
    for (let each = this.#base + 1; each <= this.#base + count; each += 1) this.#forget(each);
    for (const column of [this.#terms, this.#segments, this.#offsets, this.#bytes]) column.splice(0, count);
    this.#base += count;
  }

  /** Forgets all entries; the next one follows `base`. */
  reset(base: number): void {
    this.#terms = [];
    this.#segments = [];
    this.#offsets = [];
    this.#bytes = [];
    this.#masks.clear();
    this.#configurations.clear();
    this.#dataBytes = 0;
    this.#base = base;
  }

  /** @throws CorruptData when it is missing. */
  term(index: number): number {
    return this.#column(this.#terms, index);
  }

  /** Number of the segment that holds it. */
  segment(index: number): number {
    return this.#column(this.#segments, index);
  }

  dataBytesOf(index: number): number {
    return this.#column(this.#bytes, index) - ENTRY_HEADER_BYTES;
  }

  /** @throws CorruptData when it is missing. */
  place(index: number): EntryPlace {
    return {
      segment: this.#column(this.#segments, index),
      offset: this.#column(this.#offsets, index),
      bytes: this.#column(this.#bytes, index),
      mask: this.#masks.get(index) ?? 0,
    };
  }

  #column(column: readonly number[], index: number): number {
    const value = column[index - this.#base - 1];
    if (value === undefined) throw new CorruptData(`log entry ${index} is missing`);
    return value;
  }
}

/** Whether an entry that was read is the one that was asked for. */
export function isAt(entry: LogEntry, index: number, term: number): boolean {
  return entry.index === index && entry.term === term;
}
