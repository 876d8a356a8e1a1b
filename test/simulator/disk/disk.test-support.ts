import type { LogEntry } from "../../../server/src/raft/index.js";
import { Random } from "../world/random.js";
import { type DiskFaults, noFaults } from "./disk-faults.js";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "./file-system.js";
import { type DiskOptions, SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";

/** Where the disk of these tests is, and what is on it. */
export const ROOT = "/simulated/n1";
export const LOG = `${ROOT}/log`;
export const STATE = `${ROOT}/state.db`;

/** A disk with a process on it, which is the one that runs from now on. */
export function startDisk(seed: number, options: Partial<DiskOptions> = {}): SimulatedDisk {
  const disk = new SimulatedDisk({ root: ROOT, random: new Random(seed).next, ...options });
  disk.boot();
  setCurrentDisk(disk);
  mkdirSync(ROOT, { recursive: true });
  return disk;
}

export function faults(some: Partial<DiskFaults>): DiskFaults {
  return { ...noFaults, ...some };
}

export function entry(index: number, term = 1): LogEntry {
  return { index, term, kind: "commands", data: Uint8Array.of(index) };
}

/** Does `work`, whose writes can be seen but are not durable, whatever the disk says. */
export function withoutSync(disk: SimulatedDisk, work: () => void): void {
  const before = disk.faults;
  disk.faults = { ...before, liesAboutSync: true };
  try {
    work();
  } finally {
    disk.faults = before;
  }
}

/** The machine fails, and its process starts again. */
export function failPower(disk: SimulatedDisk): void {
  disk.crash({ power: true });
  disk.boot();
}

/** Puts a text in place of a file, as the server does; `synced` is whether the bytes are synced before the rename. */
export function replaceFile(file: string, text: string, synced = true): void {
  const descriptor = openSync(`${file}.new`, "w", 0o600);
  writeSync(descriptor, text);
  if (synced) fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${file}.new`, file);
}

/** Syncs the directory of the disk. */
export function syncDirectory(): void {
  const descriptor = openSync(ROOT, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
