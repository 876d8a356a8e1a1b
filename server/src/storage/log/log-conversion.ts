import { existsSync, renameSync, rmSync } from "node:fs";
import type { LogEntry } from "../../raft/index.js";
import type { DataDirectory } from "../data-directory.js";
import { syncDirectory } from "../durable-file.js";
import { CorruptData } from "../errors.js";
import { LogStore } from "./log-store.js";
import { SqliteLog } from "./sqlite-log.js";

/** Bytes of entries written at once. */
const BATCH_BYTES = 4_194_304;

/**
 * Brings a directory whose log is that of data format 2 to the present one. The new log is made beside the old one, and
 * gets its name when it is complete and durable; the old one is removed only then. So after a crash at any moment one of
 * them is whole, and the next start goes on from it.
 * @throws CorruptData when the old log is damaged; it stays as it is.
 */
export function convertLog({ path, identityFile, logFolder, oldLogFile }: DataDirectory): void {
  const unfinished = `${logFolder}.new`;
  // Before there is anything that an older version does not know: it would begin an empty log, and vote again.
  identityFile.modernize();
  if (!existsSync(oldLogFile)) return;
  if (!existsSync(logFolder)) {
    rmSync(unfinished, { recursive: true, force: true });
    const tookPart = identityFile.exists && identityFile.read().standing === "formed";
    copyLog(oldLogFile, unfinished, tookPart);
    renameSync(unfinished, logFolder);
    syncDirectory(path);
  }
  for (const suffix of ["-wal", "-shm", ""]) rmSync(oldLogFile + suffix, { force: true });
  syncDirectory(path);
}

function copyLog(file: string, folder: string, tookPart: boolean): void {
  const old = new SqliteLog(file);
  try {
    if (old.owner === undefined && tookPart)
      throw new CorruptData(`${file} was emptied: it does not hold whose it is`);
    const log = new LogStore(folder);
    try {
      if (old.owner !== undefined) log.belongTo(old.owner, false);
      log.reset(old.start);
      log.write(old.hardState, []);
      for (const batch of batches(old.entries())) log.write(undefined, batch);
      if (old.announced !== undefined) log.announceInstall(old.announced);
    } finally {
      log.close();
    }
  } finally {
    old.close();
  }
}

function* batches(entries: Iterable<LogEntry>): Generator<LogEntry[]> {
  let batch: LogEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    batch.push(entry);
    bytes += entry.data.length;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
