import type { HardState, LogPosition } from "../../raft/index.js";
import { CorruptData } from "../errors.js";
import { EntryIndex, type EntryPlace } from "./entry-index.js";
import type { Checkpoint, LogRecord } from "./log-record.js";

const nothing: LogPosition = { index: 0, term: 0 };

/** What a log says, as of its last group: everything but the data of its entries, which stay on the disk. */
export class LogImage {
  readonly entries = new EntryIndex();
  hardState: HardState = { term: 0, vote: 0 };
  start: LogPosition = nothing;
  /** The snapshot that is about to take the place of the entries. */
  announced: LogPosition | undefined;
  /** Incarnation of the data directory that the log belongs to; "" while it belongs to none. */
  owner = "";
  /** Whether the first segment was begun. */
  #begun = false;

  /** Index of the last entry; that of the start when there is none. */
  get last(): number {
    return Math.max(this.start.index, this.entries.last);
  }

  /** What the next segment begins with. */
  get checkpoint(): Checkpoint {
    const { hardState, start, last, announced, owner } = this;
    return { hardState, start, last, announced, owner };
  }

  /** Follows a record that was written; `place` says where the entry is, for one. */
  follow(record: LogRecord, place: (at: number, bytes: number) => EntryPlace): void {
    switch (record.kind) {
      case "entry":
        this.entries.put(record.entry, place(record.at, record.bytes));
        return;
      case "hardState":
        this.hardState = record.hardState;
        return;
      case "checkpoint":
        this.#begin(record.checkpoint, record.isReset || !this.#begun);
        return;
      case "cut":
        this.cut(record.start);
        return;
      case "owner":
        this.owner = record.owner;
        return;
      case "announced":
        this.announced = record.position;
        return;
      case "end":
      case "closed":
        return;
    }
  }

  cut(start: LogPosition): void {
    this.start = start;
    this.entries.cut(start.index);
  }

  #begin({ hardState, start, last, announced, owner }: Checkpoint, anew: boolean): void {
    if (!anew && last !== this.last) {
      throw new CorruptData(
        `a segment begins after entry ${last} but the one before it ends at ${this.last}`,
      );
    }
    this.#begun = true;
    this.hardState = hardState;
    this.start = start;
    this.announced = announced;
    this.owner = owner;
    if (anew) this.entries.reset(last);
  }

  /**
   * A hole would be taken for a shorter log, and acknowledged entries lost.
   * @throws CorruptData unless every entry after the start is there.
   */
  check(): void {
    const { start, entries } = this;
    if (entries.base > start.index) {
      throw new CorruptData(
        `the log should begin after entry ${start.index} but its oldest segment begins after ${entries.base}`,
      );
    }
    if (entries.last < start.index) {
      throw new CorruptData(`the log begins after entry ${start.index} but ends at ${entries.last}`);
    }
    entries.cut(start.index);
  }
}
