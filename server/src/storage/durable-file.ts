import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Puts a text in place of a file: after a crash there is the old one or the new one, and after the call the new one. */
export function writeDurably(file: string, text: string): void {
  const descriptor = openSync(`${file}.new`, "w", 0o600);
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${file}.new`, file);
  syncDirectory(dirname(file));
}

/** Makes renames and new files in a directory durable. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/**
 * Makes an empty file for its owner only, unless there is one. That one is not even opened: to close it would give back the
 * locks that this process has on it. What is wrong with the place is for whoever opens the file to say.
 */
export function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch {
    return;
  }
}
