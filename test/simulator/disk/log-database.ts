import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import type { Durability } from "./disk-faults.js";

/** What is told of a log as it becomes durable. */
export interface LogObserver {
  onLogWrite?: ((hardState: HardState | undefined, entries: readonly LogEntry[]) => void) | undefined;
  onLogReset?: ((position: LogPosition) => void) | undefined;
  onLogCut?: ((start: LogPosition) => void) | undefined;
}

/** What a power failure took from a log. */
export interface LogLoss {
  /** The lowest index among the entries lost; undefined when none was. */
  readonly fromIndex: number | undefined;
  /** Whether a term or a vote was lost. */
  readonly hardState: boolean;
}

/** A slot is empty where the log has a hole. */
type Slot = LogEntry | undefined;

type Transaction =
  | {
      readonly kind: "write";
      readonly hardState: HardState | undefined;
      readonly entries: readonly LogEntry[];
    }
  | { readonly kind: "mark" }
  | { readonly kind: "cut"; readonly position: LogPosition }
  | { readonly kind: "reset"; readonly position: LogPosition };

/** A transaction that is visible but not durable, and how to take it back. */
interface Pending {
  readonly transaction: Transaction;
  readonly undo: () => void;
}

/** What the log says beside its entries. */
export interface Marks {
  /** The incarnation of the data directory that it belongs to. */
  readonly owner: string | undefined;
  /** The snapshot that is about to take its place. */
  readonly announced: LogPosition | undefined;
}

const position0: LogPosition = { index: 0, term: 0 };
const hardState0: HardState = { term: 0, vote: 0 };

/**
 * The tables of log.db. A transaction is atomic; one that is not durable waits until a later one is, since the
 * write-ahead log is one file that is synced as a whole.
 *
 * Invariant: slots[i] holds the entry of index start.index + 1 + i.
 */
export class LogDatabase {
  /** The boot of the process that has it open; two of them would vote twice. */
  openIn: number | undefined = undefined;
  /** Entries that no longer match their checksum, by index. */
  readonly rotten = new Set<number>();
  readonly #observer: LogObserver;
  #hardState = hardState0;
  #start = position0;
  #marks: Marks = { owner: undefined, announced: undefined };
  #slots: Slot[] = [];
  #pending: Pending[] = [];
  #givenUp = false;

  constructor(observer: LogObserver) {
    this.#observer = observer;
  }

  /** A log that holds, durably, what a process sees of this one. */
  copyFor(observer: LogObserver): LogDatabase {
    const copy = new LogDatabase(observer);
    copy.#hardState = this.#hardState;
    copy.#start = this.#start;
    copy.#marks = this.#marks;
    copy.#slots = [...this.#slots];
    return copy;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get start(): LogPosition {
    return this.#start;
  }

  get marks(): Marks {
    return this.#marks;
  }

  mark(marks: Marks, durability: Durability): void {
    const before = this.#marks;
    this.#marks = marks;
    const undo = (): void => {
      this.#marks = before;
    };
    this.#keep({ transaction: { kind: "mark" }, undo }, durability);
  }

  get lastIndex(): number {
    return this.#start.index + this.#slots.length;
  }

  /** The entry at that index; undefined when it is missing. */
  entry(index: number): LogEntry | undefined {
    return this.#slots[index - this.#start.index - 1];
  }

  /** Bytes of data of the entries from `index` on. */
  bytesFrom(index: number): number {
    let bytes = 0;
    for (let at = index - this.#start.index - 1; at < this.#slots.length; at += 1) {
      bytes += this.#slots[at]?.data.length ?? 0;
    }
    return bytes;
  }

  /** Every slot after the start. */
  get slots(): readonly Slot[] {
    return this.#slots;
  }

  write(hardState: HardState | undefined, entries: readonly LogEntry[], durability: Durability): void {
    if (durability === "durable" && this.#pending.length === 0) {
      this.#put(hardState, entries);
      this.#observer.onLogWrite?.(hardState, entries);
      return;
    }
    const { start } = this;
    const before = this.#hardState;
    const from = (entries[0]?.index ?? this.lastIndex + 1) - start.index - 1;
    const tail = this.#slots.slice(from);
    this.#put(hardState, entries);
    const undo = (): void => {
      this.#hardState = before;
      this.#slots.length = Math.min(this.#slots.length, from);
      this.#slots.push(...tail);
    };
    this.#keep({ transaction: { kind: "write", hardState, entries }, undo }, durability);
  }

  #put(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    const first = entries[0];
    if (first !== undefined) {
      const from = first.index - this.#start.index - 1;
      if (from < 0) throw new Error(`entry ${first.index} is before the log's start ${this.#start.index}`);
      if (from < this.#slots.length) this.#slots.length = from;
      while (this.#slots.length < from) this.#slots.push(undefined);
    }
    if (hardState !== undefined) this.#hardState = hardState;
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1)
        throw new Error(`entry ${entry.index} follows ${this.lastIndex}`);
      this.#slots.push(entry);
      if (this.rotten.size > 0) this.rotten.delete(entry.index);
    }
  }

  /** Forgets the entries up to `position`, which is in the log. */
  cut(position: LogPosition, durability: Durability): void {
    const start = this.#start;
    const removed = this.#slots.splice(0, position.index - start.index);
    this.#start = position;
    const undo = (): void => {
      this.#slots = [...removed, ...this.#slots];
      this.#start = start;
    };
    this.#keep({ transaction: { kind: "cut", position }, undo }, durability);
  }

  /** Drops every entry; the log begins anew after `position`. */
  reset(position: LogPosition, durability: Durability): void {
    const start = this.#start;
    const slots = this.#slots;
    const marks = this.#marks;
    this.#start = position;
    this.#slots = [];
    this.#marks = { ...marks, announced: undefined };
    const undo = (): void => {
      this.#slots = slots;
      this.#marks = marks;
      this.#start = start;
    };
    this.#keep({ transaction: { kind: "reset", position }, undo }, durability);
  }

  #keep(pending: Pending, durability: Durability): void {
    this.#pending.push(pending);
    if (durability === "failed") this.#givenUp = true;
    if (durability === "durable" && !this.#givenUp) this.#settle();
  }

  /** A checkpoint copies everything from the write-ahead log into the database and syncs that: all is durable. */
  checkpoint(): void {
    this.#givenUp = false;
    this.#settle();
  }

  #settle(): void {
    const settled = this.#pending;
    this.#pending = [];
    for (const { transaction } of settled) this.#tell(transaction);
  }

  #tell(transaction: Transaction): void {
    switch (transaction.kind) {
      case "write":
        this.#observer.onLogWrite?.(transaction.hardState, transaction.entries);
        return;
      case "reset":
        this.#observer.onLogReset?.(transaction.position);
        return;
      case "mark":
        return;
      case "cut":
        this.#observer.onLogCut?.(transaction.position);
        return;
    }
  }

  /** Goes back to what is durable and a prefix of the transactions since. Returns what was lost. */
  losePower(survivors: (count: number) => number): LogLoss | undefined {
    const kept = this.#givenUp || this.#pending.length === 0 ? 0 : survivors(this.#pending.length);
    const lost = this.#pending.splice(kept);
    this.#givenUp = false;
    for (const { undo } of lost.toReversed()) undo();
    this.#settle();
    return lost.length === 0 ? undefined : lossOf(lost.map(({ transaction }) => transaction));
  }
}

function lossOf(lost: readonly Transaction[]): LogLoss {
  let fromIndex: number | undefined;
  let hardState = false;
  for (const transaction of lost) {
    if (transaction.kind !== "write") continue;
    const first = transaction.entries[0]?.index;
    if (first !== undefined && (fromIndex === undefined || first < fromIndex)) fromIndex = first;
    if (transaction.hardState !== undefined) hardState = true;
  }
  return { fromIndex, hardState };
}
