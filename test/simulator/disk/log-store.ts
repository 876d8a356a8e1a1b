import { dirname, resolve } from "node:path";
import type { HardState, LogEntry, LogPosition, LogStorage } from "../../../server/src/raft/index.js";
import { CorruptData, UnusableDataDirectory } from "../../../server/src/storage/errors.js";
import type { LogStore as SqliteLogStore } from "../../../server/src/storage/log-store.js";
import type { LogDatabase } from "./log-database.js";
import { currentDisk, type SimulatedDisk } from "./simulated-disk.js";

/** Rows of the log cut in one transaction, and bytes in them, as in the store on SQLite. */
const CUT_ROWS_MAX = 5_000;
const CUT_BYTES_MAX = 33_554_432;

/** In place of the store on SQLite: the same behaviour on the disk of the process that runs. */
export class LogStore implements LogStorage, Pick<SqliteLogStore, keyof SqliteLogStore> {
  readonly #disk: SimulatedDisk;
  readonly #boot: number;
  readonly #database: LogDatabase;
  #open = true;
  // What this process believes, which is not what the disk holds once a write has failed.
  #start: LogPosition;
  #last: number;
  #bytes: number;
  #hard: HardState;

  constructor(file: string) {
    this.#disk = currentDisk();
    this.#boot = this.#disk.bootNumber;
    this.#disk.enter(this.#boot);
    this.#database = openDatabase(this.#disk, resolve(file));
    this.#hard = this.#database.hardState;
    this.#start = this.#database.start;
    this.#last = this.#database.lastIndex;
    this.#bytes = this.#database.bytesFrom(this.#start.index + 1);
    this.#checkContinuity();
    for (const index of this.#database.rotten) this.#checkEntry(index);
    if (this.#disk.checkpointsAtOpen && this.#disk.syncs) this.#database.checkpoint();
    this.#database.openIn = this.#boot;
  }

  #checkContinuity(): void {
    const count = this.#database.slots.reduce((sum, slot) => (slot === undefined ? sum : sum + 1), 0);
    if (count === this.#last - this.#start.index) return;
    throw new CorruptData(
      `the log should hold entries ${this.#start.index + 1} to ${this.#last} but has only ${count} of them`,
    );
  }

  #checkEntry(index: number): void {
    if (this.#database.rotten.has(index) && this.#database.entry(index) !== undefined) {
      throw new CorruptData(`log entry ${index} does not match its checksum`);
    }
  }

  belongTo(incarnation: string, tookPart: boolean): void {
    this.#enter();
    const { marks } = this.#database;
    if (marks.owner === incarnation) return;
    if (marks.owner !== undefined) throw new CorruptData("the log is that of another data directory");
    if (tookPart) throw new CorruptData("the log was emptied: it does not hold whose it is");
    this.#disk.write("sqlite", (durability) =>
      this.#database.mark({ ...marks, owner: incarnation }, durability),
    );
  }

  announceInstall(announced: LogPosition): void {
    this.#enter();
    const { marks } = this.#database;
    this.#disk.write("sqlite", (durability) => this.#database.mark({ ...marks, announced }, durability));
  }

  announcedInstall(): LogPosition | undefined {
    this.#enter();
    return this.#database.marks.announced;
  }

  hardState(): HardState {
    return this.#hard;
  }

  start(): LogPosition {
    return this.#start;
  }

  lastIndex(): number {
    return this.#last;
  }

  term(index: number): number {
    return this.#entry(index).term;
  }

  #entry(index: number): LogEntry {
    this.#enter();
    const entry = this.#database.entry(index);
    if (entry === undefined) throw new CorruptData(`log entry ${index} is missing`);
    return entry;
  }

  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = low; index <= high; index += 1) {
      const entry = this.#entry(index);
      bytes += entry.data.length;
      if (bytes > bytesMax && entries.length > 0) return entries;
      this.#checkEntry(index);
      entries.push(entry);
    }
    return entries;
  }

  configurations(): LogEntry[] {
    this.#enter();
    return this.#database.slots.filter((slot): slot is LogEntry => slot?.kind === "configuration");
  }

  write(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    this.#enter();
    const first = entries[0];
    const replacedBytes =
      first === undefined || first.index > this.#last ? 0 : this.#database.bytesFrom(first.index);
    this.#disk.write("sqlite", (durability) => this.#database.write(hardState, entries, durability));
    this.#bytes -= replacedBytes;
    for (const { data } of entries) this.#bytes += data.length;
    if (hardState !== undefined) this.#hard = hardState;
    const last = entries[entries.length - 1];
    if (last !== undefined) this.#last = last.index;
  }

  get bytes(): number {
    return this.#bytes;
  }

  startKeeping(bytesMax: number): number {
    let { index } = this.#start;
    let bytes = this.#bytes;
    if (bytes <= bytesMax) return index;
    this.#enter();
    for (const entry of this.#database.slots.slice(0, CUT_ROWS_MAX)) {
      if (entry === undefined) continue;
      bytes -= entry.data.length;
      index = entry.index;
      if (bytes <= bytesMax) break;
    }
    return index;
  }

  cutTo(index: number): LogPosition {
    this.#enter();
    let position = this.#start;
    let bytes = 0;
    for (const entry of this.#database.slots.slice(0, CUT_ROWS_MAX)) {
      if (entry === undefined) continue;
      if (entry.index > index || (bytes > 0 && bytes + entry.data.length > CUT_BYTES_MAX)) break;
      position = { index: entry.index, term: entry.term };
      bytes += entry.data.length;
    }
    if (position === this.#start) return position;
    this.#disk.write("sqlite", (durability) => this.#database.cut(position, durability));
    this.#start = position;
    this.#bytes -= bytes;
    return position;
  }

  reset(position: LogPosition): void {
    this.#enter();
    this.#disk.write("sqlite", (durability) => this.#database.reset(position, durability));
    this.#start = position;
    this.#last = position.index;
    this.#bytes = 0;
  }

  close(): void {
    if (!this.#open) return;
    this.#enter();
    this.#open = false;
    this.#database.openIn = undefined;
    if (this.#disk.syncs) this.#database.checkpoint();
  }

  #enter(): void {
    this.#disk.enter(this.#boot);
    if (!this.#open) throw new TypeError("The database connection is not open");
  }
}

function openDatabase(disk: SimulatedDisk, path: string): LogDatabase {
  const { volume } = disk;
  if (volume.find(path) === undefined) {
    if (!volume.isDirectory(dirname(path))) {
      throw new TypeError("Cannot open database because the directory does not exist");
    }
    disk.write("sqlite", (durability) => {
      volume.create(path).openLog(path, disk);
      // SQLite syncs the directory with the first transaction, since its journal is a new file there.
      volume.syncDirectory(dirname(path), durability);
    });
  }
  const database = volume.find(path)?.openLog(path, disk);
  if (database === undefined) throw new CorruptData(`${path} vanished`);
  if (database.openIn === disk.bootNumber) {
    throw new UnusableDataDirectory(`${path} is in use by another process`);
  }
  return database;
}
