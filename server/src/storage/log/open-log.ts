import type { DataDirectory } from "../data-directory.js";
import { lockDirectory } from "../directory-lock.js";
import { convertLog } from "./log-conversion.js";
import { LogStore } from "./log-store.js";

/**
 * Opens the log of a data directory, which belongs to this process until the log is closed.
 * @throws UnusableDataDirectory when another process uses it, CorruptData when the log is not what was written.
 */
export function openLog(directory: DataDirectory): LogStore {
  const lock = lockDirectory(directory.lockFile);
  try {
    convertLog(directory);
    return new LogStore(directory.logFolder, { onClose: () => lock.release() });
  } catch (error) {
    lock.release();
    throw error;
  }
}
