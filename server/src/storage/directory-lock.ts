import DatabaseConstructor from "better-sqlite3";
import { createPrivately } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";

/** A data directory that no other process uses meanwhile. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Keeps every other process out for as long as this one lives: two nodes on one log would vote twice. The lock is that of
 * SQLite on an empty file, since Node.js offers none of the operating system's; the end of the process gives it back.
 * @throws UnusableDataDirectory when another process has it.
 */
export function lockDirectory(file: string): DirectoryLock {
  createPrivately(file);
  const db = new DatabaseConstructor(file, { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (cause instanceof DatabaseConstructor.SqliteError && cause.code.startsWith("SQLITE_BUSY")) {
      throw new UnusableDataDirectory(`${file} is locked: the directory is in use by another process`, {
        cause,
      });
    }
    throw cause;
  }
  return { release: () => db.close() };
}
