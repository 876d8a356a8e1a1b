import { crc32 } from "node:zlib";
import DatabaseConstructor, { type Database } from "better-sqlite3";
import type { HardState, LogEntry, LogPosition } from "../../raft/index.js";
import { checksumOf, extended } from "../checksum.js";
import { CorruptData, UnusableDataDirectory } from "../errors.js";
import { openDatabase } from "../sqlite.js";

interface EntryRow {
  readonly idx: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Buffer;
  readonly checksum: number;
}

const kinds: readonly (LogEntry["kind"] | undefined)[] = [undefined, "noop", "commands", "configuration"];

const TABLES = `
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
  INSERT OR IGNORE INTO hard_state VALUES (1, 0, 0, ${checksumOf([0, 0])});
  INSERT OR IGNORE INTO log_start VALUES (1, 0, 0, ${checksumOf([0, 0])});
`;

/** The log of a data directory of format 2, one SQLite file, to be read once. */
export class SqliteLog {
  readonly #db: Database;
  readonly hardState: HardState;
  readonly start: LogPosition;
  /** The incarnation of the data directory that it belongs to. */
  readonly owner: string | undefined;
  /** The snapshot that was announced, if no reset has followed. */
  readonly announced: LogPosition | undefined;

  /** @throws CorruptData when it is damaged, UnusableDataDirectory when another process uses it. */
  constructor(file: string) {
    const db = openExclusively(file);
    this.#db = db;
    try {
      // Also of one that its process was killed at making.
      db.exec(TABLES);
      const [term, vote] = this.#checkedPair("hard_state", "term, vote");
      this.hardState = { term, vote };
      const [index, startTerm] = this.#checkedPair("log_start", "idx, term");
      this.start = { index, term: startTerm };
      this.owner = db.prepare<[], string>("SELECT incarnation FROM owner").pluck().get();
      this.announced = db
        .prepare<[], LogPosition>('SELECT idx AS "index", term FROM announced_install')
        .get();
      this.#checkContinuity();
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Two numbers on which safety rests: a flipped bit could lower the term, or change the vote. */
  #checkedPair(table: "hard_state" | "log_start", columns: string): readonly [number, number] {
    const row = this.#db
      .prepare<[], [number, number, number]>(`SELECT ${columns}, checksum FROM ${table}`)
      .raw()
      .get();
    const [first, second, stored] = row ?? [0, 0, -1];
    if (checksumOf([first, second]) !== stored) {
      throw new CorruptData(`the ${table} of the log does not match its checksum`);
    }
    return [first, second];
  }

  /** A hole would be taken for a shorter log, and acknowledged entries lost. */
  #checkContinuity(): void {
    const { index } = this.start;
    const last = this.#db.prepare<[], number | null>("SELECT max(idx) FROM entry").pluck().get() ?? index;
    const count = this.#db
      .prepare<[number], number>("SELECT count(*) FROM entry WHERE idx > ?")
      .pluck()
      .get(index);
    if (count !== last - index) {
      throw new CorruptData(
        `the log should hold entries ${index + 1} to ${last} but has only ${count} of them`,
      );
    }
  }

  /**
   * Every entry, in order.
   * @throws CorruptData at one that is damaged.
   */
  *entries(): Generator<LogEntry> {
    const select = this.#db.prepare<[number], EntryRow>(
      "SELECT idx, term, kind, data, checksum FROM entry WHERE idx > ? ORDER BY idx",
    );
    for (const row of select.iterate(this.start.index)) yield toEntry(row);
  }

  close(): void {
    this.#db.close();
  }
}

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
  const kind = kinds[row.kind];
  if (kind === undefined) throw new CorruptData(`log entry ${row.idx} is of unknown kind ${row.kind}`);
  if (checksum(row) !== row.checksum) {
    throw new CorruptData(`log entry ${row.idx} does not match its checksum`);
  }
  return { index: row.idx, term: row.term, kind, data: row.data };
}

const header = Buffer.alloc(17);

function checksum({ idx, term, kind, data }: EntryRow): number {
  header.writeDoubleLE(idx, 0);
  header.writeDoubleLE(term, 8);
  header.writeUInt8(kind, 16);
  return extended(crc32(header), data);
}
