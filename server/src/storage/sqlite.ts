import DatabaseConstructor, { type Database } from "better-sqlite3";
import { createPrivately } from "./durable-file.js";
import { CorruptData, UnusableDataDirectory } from "./errors.js";

/** Page size in bytes: entries of a few hundred bytes fill larger pages better, and a commit writes fewer of them. */
const PAGE_SIZE_BYTES = 8192;
/** How long a statement waits for a lock of another process, such as a tool that looks at the file, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens or creates a SQLite file for data that must survive: write-ahead log, and an fsync at each commit.
 * better-sqlite3 by itself would run WAL with synchronous=NORMAL, which can lose commits at power loss.
 *
 * What an earlier process left behind is durable when this returns: it may have died between writing to the write-ahead
 * log and syncing it, and whatever is read from here on will be acted upon. Opening a file syncs nothing by itself.
 * @throws CorruptData when the file is damaged or no database, UnusableDataDirectory when another process keeps it busy,
 * SqliteError when it cannot be opened.
 */
export function openDatabase(file: string): Database {
  // For its owner only; what SQLite makes beside it is as the file is.
  createPrivately(file);
  const db = new DatabaseConstructor(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma(`page_size = ${PAGE_SIZE_BYTES}`);
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    checkpoint(db, file);
  } catch (error) {
    db.close();
    throw damageOf(file, error);
  }
  return db;
}

/** Copies the write-ahead log into the file, each synced before it is relied upon. */
function checkpoint(db: Database, file: string): void {
  const busy = db.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
  if (busy !== 0) throw new UnusableDataDirectory(`${file} is in use by another process`);
}

/** Names the file in what SQLite says of a damaged one; every other error stays as it is. */
export function damageOf(file: string, error: unknown): unknown {
  if (!(error instanceof DatabaseConstructor.SqliteError)) return error;
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) return error;
  return new CorruptData(`${file} is damaged: ${error.message}`, { cause: error });
}
