import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { bounds } from "../../config.js";
import type { HardState, LogEntry, LogPosition, LogStorage } from "../../raft/index.js";
import { syncDirectory } from "../durable-file.js";
import { CorruptData } from "../errors.js";
import { isAt } from "./entry-index.js";
import type { LogImage } from "./log-image.js";
import { readEntry } from "./log-record.js";
import { applyMask } from "./mask.js";
import { SegmentFolder } from "./segment-file.js";
import { SegmentReader } from "./segment-reader.js";
import { SegmentWriter } from "./segment-writer.js";

/** How a log is opened. */
export interface LogStoreOptions {
  /** Bytes of a segment, unless a single write needs a larger one. */
  readonly segmentBytes?: number;
  /** Called when the log is closed. */
  readonly onClose?: () => void;
}

/**
 * The Raft log and hard state, in a folder of preallocated segment files; README.md beside this file tells their format.
 * Every write is one group, durable when it returns.
 *
 * Invariant: nothing is read that was not synced, and what was synced is read or the log is refused. After a write has
 * failed nothing is written or read any more: what the disk holds is known only to the next process that opens it.
 */
export class LogStore implements LogStorage {
  readonly #folder: SegmentFolder;
  readonly #writer: SegmentWriter;
  readonly #reader: SegmentReader;
  readonly #image: LogImage;
  readonly #onClose: () => void;
  #open = true;
  #failure: { readonly cause: unknown } | undefined;

  /**
   * Opens the log in a folder, or begins one there.
   * @throws CorruptData when it is not what was written.
   */
  constructor(path: string, options: LogStoreOptions = {}) {
    const { segmentBytes = bounds.logSegmentBytes, onClose = () => undefined } = options;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    syncDirectory(dirname(path));
    this.#folder = new SegmentFolder(path);
    this.#writer = SegmentWriter.open(this.#folder, segmentBytes);
    this.#image = this.#writer.image;
    this.#reader = new SegmentReader(this.#folder);
    this.#onClose = onClose;
  }

  /**
   * Makes the log that of a data directory, or makes sure that it is: an empty one in the place of the log would be
   * taken for a node that never voted.
   * @throws CorruptData when the directory took part already, and this log is another's or was emptied.
   */
  belongTo(incarnation: string, tookPart: boolean): void {
    const { owner } = this.#image;
    if (owner === incarnation) return;
    if (owner !== "") throw new CorruptData("the log is that of another data directory");
    if (tookPart) throw new CorruptData("the log was emptied: it does not hold whose it is");
    this.#change(() => this.#writer.remark({ kind: "owner", owner: incarnation }));
  }

  /** Durably: a snapshot that stands there is about to take the place of the state, and then of this log. */
  announceInstall({ index, term }: LogPosition): void {
    this.#change(() => this.#writer.remark({ kind: "announced", position: { index, term } }));
  }

  /** The snapshot that was announced, if no reset has followed. */
  announcedInstall(): LogPosition | undefined {
    return this.#image.announced;
  }

  hardState(): HardState {
    return this.#image.hardState;
  }

  start(): LogPosition {
    return this.#image.start;
  }

  lastIndex(): number {
    return this.#image.last;
  }

  /** @throws CorruptData when the entry is missing. */
  term(index: number): number {
    return this.#image.entries.term(index);
  }

  /** @throws CorruptData when one is missing, or not what was written. */
  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    this.#enter();
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = low; index <= high; index += 1) {
      bytes += this.#image.entries.dataBytesOf(index);
      if (bytes > bytesMax && entries.length > 0) return entries;
      entries.push(this.#read(index));
    }
    return entries;
  }

  #read(index: number): LogEntry {
    const { entries } = this.#image;
    const { segment, offset, bytes, mask } = entries.place(index);
    const stored = this.#reader.read(segment, offset, bytes);
    applyMask(mask, stored, offset);
    const problem = (what: string): string =>
      `log entry ${index} in ${this.#folder.file(segment)} at offset ${offset} ${what}`;
    let entry: LogEntry;
    try {
      entry = readEntry(stored, 0);
    } catch (cause) {
      throw new CorruptData(problem(cause instanceof Error ? cause.message : String(cause)), { cause });
    }
    if (!isAt(entry, index, entries.term(index))) throw new CorruptData(problem("is another one"));
    return entry;
  }

  /** Every stored entry of kind "configuration", in order. Read once, when Raft starts. */
  configurations(): LogEntry[] {
    this.#enter();
    return this.#image.entries.configurations.map((index) => this.#read(index));
  }

  /** Makes hard state and entries durable together; entries replace whatever the log holds from the first one on. */
  write(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    if (hardState === undefined && entries.length === 0) return;
    this.#enter();
    this.#writer.checkOrder(entries);
    this.#change(() => this.#writer.write(hardState, entries));
  }

  /** Bytes of data of all entries in the log. */
  get bytes(): number {
    return this.#image.entries.dataBytes;
  }

  /** Up to where the log would have to be cut for at most `bytesMax` of entries to stay: its present start if that is so already. */
  startKeeping(bytesMax: number): number {
    const { start, last, entries } = this.#image;
    let { index } = start;
    for (let bytes = entries.dataBytes; bytes > bytesMax && index < last; index += 1) {
      bytes -= entries.dataBytesOf(index + 1);
    }
    return index;
  }

  /** Forgets entries up to `index`, or all when there are fewer. Returns the new start. */
  cutTo(index: number): LogPosition {
    const { start, last, entries } = this.#image;
    const to = Math.min(index, last);
    if (to <= start.index) return start;
    const position = { index: to, term: entries.term(to) };
    this.#change(() => this.#writer.remark({ kind: "cut", start: position }));
    this.#drop();
    return position;
  }

  /** Drops every entry: the log begins anew after a snapshot that covers it up to `position`. */
  reset({ index, term }: LogPosition): void {
    this.#change(() => this.#writer.reset({ index, term }));
    this.#drop();
  }

  /** Removes the segments that hold nothing of what the log says. */
  #drop(): void {
    const { needed } = this.#writer;
    this.#reader.forget(needed);
    this.#change(() => this.#writer.drop());
  }

  /** Resolves when nothing is under way in the background: the folder may be removed once the log is closed. */
  get idle(): Promise<void> {
    return this.#writer.idle;
  }

  close(): void {
    if (!this.#open) return;
    try {
      if (this.#failure === undefined) this.#change(() => this.#writer.remark({ kind: "closed" }));
    } finally {
      this.#open = false;
      this.#writer.close();
      this.#reader.forget(Number.POSITIVE_INFINITY);
      this.#onClose();
    }
  }

  /** After an error nothing may follow: the operating system may have given up what it could not write. */
  #change(work: () => void): void {
    this.#enter();
    try {
      work();
    } catch (cause) {
      this.#failure = { cause };
      throw cause;
    }
  }

  #enter(): void {
    if (!this.#open) throw new TypeError("the log is not open");
    if (this.#failure !== undefined) {
      throw new Error(`the log failed before: ${String(this.#failure.cause)}`, {
        cause: this.#failure.cause,
      });
    }
  }
}
