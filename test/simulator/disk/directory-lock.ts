import { resolve } from "node:path";
import type { DirectoryLock } from "../../../server/src/storage/directory-lock.js";
import { UnusableDataDirectory } from "../../../server/src/storage/errors.js";
import { currentDisk } from "./simulated-disk.js";

/** In place of the lock of SQLite: held by the process that runs, until it gives it back or ends. */
export function lockDirectory(file: string): DirectoryLock {
  const disk = currentDisk();
  const boot = disk.bootNumber;
  disk.enter(boot);
  const path = resolve(file);
  if (disk.locks.has(path)) {
    throw new UnusableDataDirectory(`${path} is locked: the directory is in use by another process`);
  }
  disk.locks.add(path);
  return {
    release: () => {
      if (disk.bootNumber === boot) disk.locks.delete(path);
    },
  };
}
