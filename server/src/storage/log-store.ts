import { crc32 } from "node:zlib";
import DatabaseConstructor, { type Database, type Statement } from "better-sqlite3";
import type { HardState, LogEntry, LogPosition, LogStorage } from "../raft/index.js";
import { CorruptData, UnusableDataDirectory } from "./errors.js";
import { openDatabase } from "./sqlite.js";

/** Rows of the log cut in one transaction: bounded, so that a cut never stalls the node. */
const CUT_ROWS_MAX = 5_000;

interface EntryRow {
  readonly idx: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Buffer;
  readonly checksum: number;
}

const KINDS = { noop: 1, commands: 2 } as const;

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
  private readonly updateHardState: Statement<[number, number]>;
  private readonly updateStart: Statement<[number, number]>;
  private readonly writeTransaction: (hardState: HardState | undefined, entries: readonly LogEntry[]) => void;

  private startPosition: LogPosition;
  private last: number;
  private hard: HardState;

  constructor(file: string) {
    const db = openExclusively(file);
    this.db = db;
    db.exec(`
      CREATE TABLE IF NOT EXISTS entry (
        idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL,
        checksum INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS hard_state (
        id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, vote INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS log_start (
        id INTEGER PRIMARY KEY CHECK (id = 1), idx INTEGER NOT NULL, term INTEGER NOT NULL) STRICT;
      INSERT OR IGNORE INTO hard_state VALUES (1, 0, 0);
      INSERT OR IGNORE INTO log_start VALUES (1, 0, 0);
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
    this.updateHardState = db.prepare("UPDATE hard_state SET term = ?, vote = ? WHERE id = 1");
    this.updateStart = db.prepare("UPDATE log_start SET idx = ?, term = ? WHERE id = 1");
    this.writeTransaction = db.transaction(
      (hardState: HardState | undefined, entries: readonly LogEntry[]) => {
        if (hardState !== undefined) this.updateHardState.run(hardState.term, hardState.vote);
        const first = entries[0];
        if (first !== undefined && first.index <= this.last) this.deleteFrom.run(first.index);
        for (const entry of entries) {
          this.insert.run(entry.index, entry.term, KINDS[entry.kind], entry.data, checksum(entry));
        }
      },
    );

    this.hard = db.prepare<[], HardState>("SELECT term, vote FROM hard_state").get() ?? { term: 0, vote: 0 };
    this.startPosition = db.prepare<[], LogPosition>('SELECT idx AS "index", term FROM log_start').get() ?? {
      index: 0,
      term: 0,
    };
    this.last =
      db.prepare<[], number | null>("SELECT max(idx) FROM entry").pluck().get() ?? this.startPosition.index;
    this.checkContinuity();
    this.checkEntries();
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

  /** An entry that is damaged now would be found only when a peer or a restart needs it, perhaps the last copy of it. */
  private checkEntries(): void {
    const { index } = this.startPosition;
    for (const row of this.selectRange.iterate(index + 1, this.last)) toEntry(row);
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

  /** Makes hard state and entries durable together; entries replace whatever the log holds from the first one on. */
  write(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    this.writeTransaction(hardState, entries);
    if (hardState !== undefined) this.hard = hardState;
    const last = entries[entries.length - 1];
    if (last !== undefined) this.last = last.index;
  }

  /** Forgets entries up to `index`, at most a bounded number at once. Returns the new start. */
  cutTo(index: number): LogPosition {
    const target = Math.min(index, this.startPosition.index + CUT_ROWS_MAX);
    if (target <= this.startPosition.index) return this.startPosition;
    const position = { index: target, term: this.term(target) };
    this.db.transaction(() => {
      this.deleteTo.run(position.index, CUT_ROWS_MAX);
      this.updateStart.run(position.index, position.term);
    })();
    this.startPosition = position;
    return position;
  }

  /** Drops every entry: the log begins anew after a snapshot that covers it up to `position`. */
  reset(position: LogPosition): void {
    this.db.transaction(() => {
      this.deleteFrom.run(0);
      this.updateStart.run(position.index, position.term);
    })();
    this.startPosition = position;
    this.last = position.index;
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

function toEntry(row: EntryRow): LogEntry {
  const kind = row.kind === KINDS.noop ? "noop" : row.kind === KINDS.commands ? "commands" : undefined;
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
  const ofHeader = crc32(header);
  // Not crc32 of nothing: it forgets the value it was given when an empty buffer has no memory behind it, as one read
  // from SQLite has none.
  return entry.data.length === 0 ? ofHeader : crc32(entry.data, ofHeader);
}
