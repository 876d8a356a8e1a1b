import { crc32 } from "node:zlib";
import DatabaseConstructor, { type Database, type Statement } from "better-sqlite3";
import type { HardState, LogEntry, LogPosition, LogStorage } from "../raft/index.js";
import { checksumOf, extended } from "./checksum.js";
import { CorruptData, UnusableDataDirectory } from "./errors.js";
import { openDatabase } from "./sqlite.js";

/** Rows of the log cut in one transaction, and bytes in them: bounded, so that a cut never stalls the node. */
const CUT_ROWS_MAX = 5_000;
const CUT_BYTES_MAX = 33_554_432;

interface EntryRow {
  readonly idx: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Buffer;
  readonly checksum: number;
}

interface SizeRow {
  readonly idx: number;
  readonly term: number;
  readonly bytes: number;
}

const KINDS = { noop: 1, commands: 2, configuration: 3 } as const;

/**
 * The Raft log and hard state in one SQLite file. Every write is one transaction, durable when it returns
 * (WAL, synchronous=FULL). Each entry carries a checksum over its index, term, kind and data.
 */
export class LogStore implements LogStorage {
  private readonly db: Database;
  private readonly selectTerm: Statement<[number], number>;
  private readonly selectRange: Statement<[number, number], EntryRow>;
  private readonly insert: Statement<[number, number, number, Uint8Array, number]>;
  private readonly deleteFrom: Statement<[number]>;
  private readonly deleteTo: Statement<[number, number]>;
  private readonly selectSizes: Statement<[number], SizeRow>;
  private readonly sumFrom: Statement<[number], number>;
  private readonly updateHardState: Statement<[number, number, number]>;
  private readonly updateStart: Statement<[number, number, number]>;
  private readonly writeTransaction: (hardState: HardState | undefined, entries: readonly LogEntry[]) => void;

  private startPosition: LogPosition;
  private last: number;
  private storedBytes: number;
  private hard: HardState;

  constructor(file: string) {
    const db = openExclusively(file);
    this.db = db;
    db.exec(`
      CREATE TABLE IF NOT EXISTS entry (
        idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL,
        checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS hard_state (
        id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, vote INTEGER NOT NULL,
        checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS log_start (
        id INTEGER PRIMARY KEY CHECK (id = 1), idx INTEGER NOT NULL, term INTEGER NOT NULL,
        checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS owner (
        id INTEGER PRIMARY KEY CHECK (id = 1), incarnation TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS announced_install (
        id INTEGER PRIMARY KEY CHECK (id = 1), idx INTEGER NOT NULL, term INTEGER NOT NULL) STRICT;
      INSERT OR IGNORE INTO hard_state VALUES (1, 0, 0, ${pairChecksum(0, 0)});
      INSERT OR IGNORE INTO log_start VALUES (1, 0, 0, ${pairChecksum(0, 0)});
    `);
    this.selectTerm = db.prepare<[number], number>("SELECT term FROM entry WHERE idx = ?").pluck();
    this.selectRange = db.prepare(
      "SELECT idx, term, kind, data, checksum FROM entry WHERE idx BETWEEN ? AND ? ORDER BY idx",
    );
    this.insert = db.prepare("INSERT INTO entry (idx, term, kind, data, checksum) VALUES (?, ?, ?, ?, ?)");
    this.deleteFrom = db.prepare("DELETE FROM entry WHERE idx >= ?");
    this.deleteTo = db.prepare(
      "DELETE FROM entry WHERE idx IN (SELECT idx FROM entry WHERE idx <= ? ORDER BY idx LIMIT ?)",
    );
    this.selectSizes = db.prepare(
      `SELECT idx, term, length(data) AS bytes FROM entry WHERE idx > ? ORDER BY idx LIMIT ${CUT_ROWS_MAX}`,
    );
    this.sumFrom = db
      .prepare<[number], number>("SELECT coalesce(sum(length(data)), 0) FROM entry WHERE idx >= ?")
      .pluck();
    this.updateHardState = db.prepare("UPDATE hard_state SET term = ?, vote = ?, checksum = ? WHERE id = 1");
    this.updateStart = db.prepare("UPDATE log_start SET idx = ?, term = ?, checksum = ? WHERE id = 1");
    this.writeTransaction = db.transaction(
      (hardState: HardState | undefined, entries: readonly LogEntry[]) => {
        if (hardState !== undefined) {
          const { term, vote } = hardState;
          this.updateHardState.run(term, vote, pairChecksum(term, vote));
        }
        const first = entries[0];
        if (first !== undefined && first.index <= this.last) this.deleteFrom.run(first.index);
        for (const entry of entries) {
          this.insert.run(entry.index, entry.term, KINDS[entry.kind], entry.data, checksum(entry));
        }
      },
    );

    try {
      const [term, vote] = this.checkedPair("hard_state", "term, vote");
      this.hard = { term, vote };
      const [index, startTerm] = this.checkedPair("log_start", "idx, term");
      this.startPosition = { index, term: startTerm };
      this.last =
        db.prepare<[], number | null>("SELECT max(idx) FROM entry").pluck().get() ?? this.startPosition.index;
      this.checkContinuity();
      this.storedBytes = this.checkEntries();
    } catch (error) {
      // Left open, it would keep everybody else out who wants to look at it.
      db.close();
      throw error;
    }
  }

  /** Two numbers on which safety rests: a flipped bit could lower the term, or change the vote. */
  private checkedPair(table: "hard_state" | "log_start", columns: string): readonly [number, number] {
    const row = this.db
      .prepare<[], [number, number, number]>(`SELECT ${columns}, checksum FROM ${table}`)
      .raw()
      .get();
    const [first, second, stored] = row ?? [0, 0, -1];
    if (pairChecksum(first, second) !== stored) {
      throw new CorruptData(`the ${table} of the log does not match its checksum`);
    }
    return [first, second];
  }

  /**
   * Makes the log that of a data directory, or makes sure that it is: an empty file in the place of the log would be
   * taken for a node that never voted.
   * @throws CorruptData when the directory took part already, and this log is another's or was emptied.
   */
  belongTo(incarnation: string, tookPart: boolean): void {
    const owner = this.db.prepare<[], string>("SELECT incarnation FROM owner").pluck().get();
    if (owner === incarnation) return;
    if (owner !== undefined) throw new CorruptData("the log is that of another data directory");
    if (tookPart) throw new CorruptData("the log was emptied: it does not hold whose it is");
    this.db.prepare("INSERT INTO owner VALUES (1, ?)").run(incarnation);
  }

  /** Durably: a snapshot that stands there is about to take the place of the state, and then of this log. */
  announceInstall({ index, term }: LogPosition): void {
    this.db.prepare("INSERT OR REPLACE INTO announced_install VALUES (1, ?, ?)").run(index, term);
  }

  /** The snapshot that was announced, if no reset has followed. */
  announcedInstall(): LogPosition | undefined {
    return this.db.prepare<[], LogPosition>('SELECT idx AS "index", term FROM announced_install').get();
  }

  /** A hole would be taken for a shorter log, and acknowledged entries lost: refuse to start instead. */
  private checkContinuity(): void {
    const count = this.db
      .prepare<[number], number>("SELECT count(*) FROM entry WHERE idx > ?")
      .pluck()
      .get(this.startPosition.index);
    if (count !== this.last - this.startPosition.index) {
      throw new CorruptData(
        `the log should hold entries ${this.startPosition.index + 1} to ${this.last} but has only ${count} of them`,
      );
    }
  }

  /**
   * An entry that is damaged now would be found only when a peer or a restart needs it, perhaps the last copy of
   * it. Returns the bytes of all.
   */
  private checkEntries(): number {
    const { index } = this.startPosition;
    let bytes = 0;
    for (const row of this.selectRange.iterate(index + 1, this.last)) bytes += toEntry(row).data.length;
    return bytes;
  }

  hardState(): HardState {
    return this.hard;
  }

  start(): LogPosition {
    return this.startPosition;
  }

  lastIndex(): number {
    return this.last;
  }

  term(index: number): number {
    const term = this.selectTerm.get(index);
    if (term === undefined) throw new CorruptData(`log entry ${index} is missing`);
    return term;
  }

  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    let next = low;
    for (const row of this.selectRange.iterate(low, high)) {
      if (row.idx !== next) break;
      next++;
      bytes += row.data.length;
      if (bytes > bytesMax && entries.length > 0) return entries;
      entries.push(toEntry(row));
    }
    if (next <= high) throw new CorruptData(`log entry ${next} is missing`);
    return entries;
  }

  /** Every stored entry of kind "configuration", in order. Read once, when Raft starts. */
  configurations(): LogEntry[] {
    const select = this.db.prepare<[number, number], EntryRow>(
      "SELECT idx, term, kind, data, checksum FROM entry WHERE kind = ? AND idx > ? ORDER BY idx",
    );
    return select.all(KINDS.configuration, this.startPosition.index).map(toEntry);
  }

  /** Makes hard state and entries durable together; entries replace whatever the log holds from the first one on. */
  write(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    const first = entries[0];
    const replacedBytes =
      first !== undefined && first.index <= this.last ? (this.sumFrom.get(first.index) ?? 0) : 0;
    this.writeTransaction(hardState, entries);
    this.storedBytes -= replacedBytes;
    for (const { data } of entries) this.storedBytes += data.length;
    if (hardState !== undefined) this.hard = hardState;
    const last = entries[entries.length - 1];
    if (last !== undefined) this.last = last.index;
  }

  /** Bytes of data of all entries in the log. */
  get bytes(): number {
    return this.storedBytes;
  }

  /**
   * Up to where the log would have to be cut for at most `bytesMax` of entries to stay: its present start if that is so
   * already. Looks no further than one cut goes.
   */
  startKeeping(bytesMax: number): number {
    let { index } = this.startPosition;
    let bytes = this.storedBytes;
    if (bytes <= bytesMax) return index;
    for (const row of this.selectSizes.iterate(index)) {
      bytes -= row.bytes;
      index = row.idx;
      if (bytes <= bytesMax) break;
    }
    return index;
  }

  /** Forgets entries up to `index`, at most a bounded number and amount at once. Returns the new start. */
  cutTo(index: number): LogPosition {
    let position = this.startPosition;
    let bytes = 0;
    for (const row of this.selectSizes.iterate(position.index)) {
      // At least one entry, however large: the log must become shorter.
      if (row.idx > index || (bytes > 0 && bytes + row.bytes > CUT_BYTES_MAX)) break;
      position = { index: row.idx, term: row.term };
      bytes += row.bytes;
    }
    if (position === this.startPosition) return position;
    this.db.transaction(() => {
      this.deleteTo.run(position.index, CUT_ROWS_MAX);
      this.updateStart.run(position.index, position.term, pairChecksum(position.index, position.term));
    })();
    this.startPosition = position;
    this.storedBytes -= bytes;
    return position;
  }

  /** Drops every entry: the log begins anew after a snapshot that covers it up to `position`. */
  reset(position: LogPosition): void {
    this.db.transaction(() => {
      this.deleteFrom.run(0);
      this.db.exec("DELETE FROM announced_install");
      this.updateStart.run(position.index, position.term, pairChecksum(position.index, position.term));
    })();
    this.startPosition = position;
    this.last = position.index;
    this.storedBytes = 0;
  }

  close(): void {
    this.db.close();
  }
}

/** Keeps every other process out for as long as this one lives: two nodes on one log would vote twice. */
function openExclusively(file: string): Database {
  let db: Database | undefined;
  try {
    db = openDatabase(file);
    db.pragma("locking_mode = EXCLUSIVE");
    db.exec("BEGIN EXCLUSIVE; COMMIT");
    return db;
  } catch (cause) {
    db?.close();
    if (cause instanceof DatabaseConstructor.SqliteError && cause.code.startsWith("SQLITE_BUSY")) {
      throw new UnusableDataDirectory(`${file} is in use by another process`, { cause });
    }
    throw cause;
  }
}

function kindOf(stored: number): LogEntry["kind"] | undefined {
  switch (stored) {
    case KINDS.noop:
      return "noop";
    case KINDS.commands:
      return "commands";
    case KINDS.configuration:
      return "configuration";
    default:
      return undefined;
  }
}

function toEntry(row: EntryRow): LogEntry {
  const kind = kindOf(row.kind);
  if (kind === undefined) throw new CorruptData(`log entry ${row.idx} is of unknown kind ${row.kind}`);
  const entry: LogEntry = { index: row.idx, term: row.term, kind, data: row.data };
  if (checksum(entry) !== row.checksum) {
    throw new CorruptData(`log entry ${row.idx} does not match its checksum`);
  }
  return entry;
}

const header = Buffer.alloc(17);

function checksum(entry: LogEntry): number {
  header.writeDoubleLE(entry.index, 0);
  header.writeDoubleLE(entry.term, 8);
  header.writeUInt8(KINDS[entry.kind], 16);
  return extended(crc32(header), entry.data);
}

/** Checksum of two numbers that belong together. */
function pairChecksum(first: number, second: number): number {
  return checksumOf([first, second]);
}
