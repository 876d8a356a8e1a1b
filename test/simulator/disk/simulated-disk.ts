import { dirname, resolve } from "node:path";
import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import {
  type CrashPoint,
  DiskFailure,
  type DiskFaults,
  type Durability,
  FaultSource,
  SimulatedCrash,
} from "./disk-faults.js";
import type { Inode } from "./inode.js";
import { type LogContents, readLog } from "./log-contents.js";
import { type LogObserver, LogTap } from "./log-tap.js";
import type { OpenFile } from "./open-file.js";
import { Volume } from "./volume.js";

/**
 * Of what kind a write is: a transaction of SQLite, a sync of a file, a write that the operating system keeps until then,
 * or a change of names that needs no room, which neither fails nor is durable by itself.
 */
export type WriteKind = "sqlite" | "sync" | "file" | "names";

/** How a process dies: by itself, keeping what the operating system has in memory, or with the machine. */
export interface Crash {
  readonly power: boolean;
}

/** What a crash took from the disk. */
export interface CrashLoss {
  readonly stateWrites: number;
  /** Creations, removals and renames of files. */
  readonly nameOperations: number;
}

/** Which part of the disk is to decay. */
export type Decay =
  | { readonly kind: "state" }
  /** Bits of a byte turn. */
  | { readonly kind: "bits"; readonly path: string; readonly offset: number; readonly bits: number }
  /** A sector becomes all zero. */
  | { readonly kind: "sector"; readonly path: string; readonly offset: number }
  /** A file loses its end. */
  | { readonly kind: "end"; readonly path: string; readonly length: number };

/** One of the files of a log. */
export interface LogFile {
  readonly path: string;
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Descriptors up to this one are a process's own streams. */
const LAST_STREAM = 2;

/** What a disk is told when it is made. */
export interface DiskOptions {
  /** The directory that everything on it is in; other paths are the machine's own. */
  readonly root: string;
  /** Draws numbers in [0, 1): the only chance there is. */
  readonly random: () => number;
  /**
   * Whether a state that is opened is checkpointed first, so that nothing is read that a power failure could still take
   * away. To be what the real store does.
   */
  readonly checkpointsAtOpen?: boolean;
}

/**
 * The disk of one node. It outlives the node's processes: `boot` begins the life of one, `crash` ends it.
 *
 * Invariant: what was reported as synced is there after every crash, unless the disk lies or the sync failed.
 */
export class SimulatedDisk implements LogObserver {
  readonly root: string;
  readonly volume = new Volume();
  /** What the process has open through node:fs, by descriptor. */
  readonly descriptors = new Map<number, OpenFile>();
  /** The lock files that the process holds. */
  readonly locks = new Set<string>();
  /** Called when a write of the log became durable. */
  onLogWrite: ((hardState: HardState | undefined, entries: readonly LogEntry[]) => void) | undefined;
  /** Called when a reset of the log became durable. */
  onLogReset: ((position: LogPosition) => void) | undefined;
  /** Called when a cut of the log up to a position became durable. */
  onLogCut: ((start: LogPosition) => void) | undefined;
  /** Called when the state as of an applied index became durable. */
  onStateWrite: ((appliedIndex: number) => void) | undefined;
  /** Called when the process dies at a crash point, before SimulatedCrash is thrown. */
  onCrash: ((point: CrashPoint) => void) | undefined;
  /** Called when a write meets a fault, before the process learns of it. */
  onFault: ((fault: "diskCrash" | "diskError" | "diskFull") => void) | undefined;
  readonly checkpointsAtOpen: boolean;
  readonly #source: FaultSource;
  readonly #tap = new LogTap(this);
  #lastDescriptor = LAST_STREAM;
  #boot = 0;
  #alive = false;

  constructor({ root, random, checkpointsAtOpen = true }: DiskOptions) {
    this.root = resolve(root);
    this.checkpointsAtOpen = checkpointsAtOpen;
    this.#source = new FaultSource(random);
  }

  get faults(): DiskFaults {
    return this.#source.faults;
  }

  /** What goes wrong from now on. */
  set faults(faults: DiskFaults) {
    this.#source.faults = faults;
  }

  // ---- The life of processes ----

  /** Begins the life of a process. What an earlier one has open is closed to it. */
  boot(): void {
    this.#endProcess();
    this.#boot += 1;
    this.#alive = true;
  }

  /** Number of the process that lives, or lived last. */
  get bootNumber(): number {
    return this.#boot;
  }

  /** Ends the life of the process, with what the machine loses. Every later call by it throws. */
  crash({ power }: Crash): CrashLoss {
    this.#endProcess();
    if (!power) return { stateWrites: 0, nameOperations: 0 };
    const { inodes, nameOperations } = this.volume.losePower((count) => this.#source.survivors(count));
    const stateWrites = inodes.reduce((sum, loss) => sum + loss.stateWrites, 0);
    return { stateWrites, nameOperations };
  }

  /** Replaces the disk by an empty one. */
  wipe(): void {
    this.#endProcess();
    this.volume.clear();
  }

  /** Replaces what is on it by a copy of another disk, as processes see that one. */
  copyOf(other: SimulatedDisk): void {
    this.#endProcess();
    this.volume.copyOf(other.volume);
  }

  #endProcess(): void {
    this.#alive = false;
    this.descriptors.clear();
    this.locks.clear();
  }

  /** To be called first by everything that a process does; `boot` is that of the process, when the caller knows it. */
  enter(boot: number = this.#boot): void {
    if (!this.#alive || boot !== this.#boot) throw new SimulatedCrash("the process is dead");
  }

  /** One that no other file of any process had: a dead process must not reach what the next one has open. */
  newDescriptor(): number {
    this.#lastDescriptor += 1;
    return this.#lastDescriptor;
  }

  // ---- Writes ----

  /** Whether a path is on this disk. */
  holds(path: string): boolean {
    return path === this.root || path.startsWith(`${this.root}/`);
  }

  /** Makes one atomic write through the faults: `apply` is called with how durable it is, or not at all. */
  write(kind: WriteKind, apply: (durability: Durability) => void): void {
    const fate = this.#source.fate(kind === "sqlite" || kind === "sync");
    switch (fate.kind) {
      case "done":
        apply(fate.durability);
        return;
      case "crash":
        this.onFault?.("diskCrash");
        if (fate.point !== "before") apply(fate.point === "after" ? "durable" : "unsynced");
        return this.#die(fate.point);
      case "full":
        if (kind === "names") return apply("unsynced");
        this.onFault?.("diskFull");
        throw kind === "sqlite"
          ? new DiskFailure("SQLITE_FULL", "database or disk is full")
          : new DiskFailure("ENOSPC", "ENOSPC: no space left on device, write");
      case "syncError":
        if (kind === "names") return apply("unsynced");
        this.onFault?.("diskError");
        if (fate.effect !== "none") apply(fate.effect);
        throw kind === "sqlite"
          ? new DiskFailure("SQLITE_IOERR_FSYNC", "disk I/O error")
          : new DiskFailure("EIO", "EIO: i/o error, fsync");
    }
  }

  /** Whether a sync makes durable what was written. */
  get syncs(): boolean {
    return !this.faults.liesAboutSync;
  }

  #die(point: CrashPoint): never {
    // First, since whoever is told may go on to start the next process.
    this.#endProcess();
    this.onCrash?.(point);
    throw new SimulatedCrash(`the process died at a write: ${point}`);
  }

  /** How long the writes since the last call took, in milliseconds. */
  takeLatencyMs(): number {
    return this.#source.takeLatencyMs();
  }

  /** Passes the time that a copy of the state takes. */
  async pass(): Promise<void> {
    const copyMs = this.#source.copyMs();
    if (copyMs > 0) {
      await new Promise<void>((resolved) => setTimeout(resolved, copyMs));
      return;
    }
    await turn();
    await turn();
  }

  // ---- From outside ----

  /** What one write put into a file became durable. */
  becameDurable(path: string, written: Uint8Array): void {
    if (dirname(path).endsWith(LOG_FOLDER)) this.#tap.durable(written);
  }

  /**
   * The log; undefined when there is none.
   * @throws CorruptData when it is damaged.
   */
  log(): LogContents | undefined {
    const files = this.logFiles;
    if (files.length === 0) return undefined;
    return readLog(new Map(files.map(({ number, bytes }) => [number, bytes])));
  }

  /** The files of the log. */
  get logFiles(): readonly LogFile[] {
    const files: LogFile[] = [];
    for (const [path, { bytes }] of this.volume.inodes()) {
      const number = numberOf(path);
      if (number > 0) files.push({ path, number, bytes });
    }
    return files;
  }

  /** Damages a part of the disk. To be used while no process runs: it is found when the next one opens its files. */
  decay(decay: Decay): void {
    switch (decay.kind) {
      case "state":
        this.#stateInode()?.decayState();
        return;
      case "bits":
        this.volume.find(resolve(decay.path))?.plain.rot(decay.offset, decay.bits);
        return;
      case "sector":
        this.volume.find(resolve(decay.path))?.plain.blank(decay.offset);
        return;
      case "end":
        this.volume.find(resolve(decay.path))?.plain.shorten(decay.length);
        return;
    }
  }

  /** Whether there is a state on it. */
  get hasState(): boolean {
    return this.#stateInode() !== undefined;
  }

  #stateInode(): Inode | undefined {
    for (const [path, inode] of this.volume.inodes()) if (path.endsWith("/state.db")) return inode;
    return undefined;
  }
}

const LOG_FOLDER = "/log";
const SEGMENT = /\/log\/(\d{12})\.log$/;

/** Number of the segment that a path is of; 0 when it is none. */
function numberOf(path: string): number {
  return Number(SEGMENT.exec(path)?.[1] ?? 0);
}

/** The next turn of the event loop, which the simulator decides. */
export function turn(): Promise<void> {
  return new Promise((resolved) => setImmediate(resolved));
}

let current: SimulatedDisk | undefined;

/** Says whose process runs from now on. */
export function setCurrentDisk(disk: SimulatedDisk | undefined): void {
  current = disk;
}

/** The disk of the process that runs; undefined outside of every process. */
export function currentDiskIfAny(): SimulatedDisk | undefined {
  return current;
}

/**
 * The disk of the process that runs.
 * @throws Error outside of every process.
 */
export function currentDisk(): SimulatedDisk {
  if (current === undefined) throw new Error("no simulated process is running");
  return current;
}
