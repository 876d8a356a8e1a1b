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
