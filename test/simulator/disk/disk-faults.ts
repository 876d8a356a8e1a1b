/** What goes wrong with a disk, and how often. Every rate is a probability for one write or sync. */
export interface DiskFaults {
  /** The process dies before the write has any effect. */
  readonly crashBefore: number;
  /** The process dies when the write can be seen but was not synced: the next power failure may take it away. */
  readonly crashUnsynced: number;
  /** The process dies when the write is durable, before anybody is told so. */
  readonly crashAfter: number;
  /** The sync reports an error. Whether the write had an effect, and a durable one, is drawn. */
  readonly syncError: number;
  /** The disk becomes full, and stays so for some writes. */
  readonly full: number;
  /** The write takes its time. */
  readonly slow: number;
  /** The shortest and the longest that a slow write takes, in milliseconds. */
  readonly slowMsMin: number;
  readonly slowMsMax: number;
  /** The longest that a copy of the state takes, in milliseconds; 0 for two turns of the event loop. */
  readonly copyMsMax: number;
  /** The disk reports writes as synced that are not. No software survives this on a majority. */
  readonly liesAboutSync: boolean;
}

/** A disk on which nothing goes wrong. */
export const noFaults: DiskFaults = {
  crashBefore: 0,
  crashUnsynced: 0,
  crashAfter: 0,
  syncError: 0,
  full: 0,
  slow: 0,
  slowMsMin: 0,
  slowMsMax: 0,
  copyMsMax: 0,
  liesAboutSync: false,
};

/** The most writes that fail once a disk is full: few enough that a node which starts again and again gets through. */
const FULL_WRITES_MAX = 12;

/** The process died at a crash point, or is dead already and must not do anything any more. */
export class SimulatedCrash extends Error {
  override readonly name = "SimulatedCrash";
}

/** What the operating system or SQLite answers when the disk fails. */
export class DiskFailure extends Error {
  override readonly name = "DiskFailure";
  /** As the callers know it: SQLITE_FULL, SQLITE_IOERR_FSYNC, ENOSPC, EIO, ENOENT. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * How well a write that took effect is kept. `unsynced` is made durable by the next sync; `failed` was given up by the
 * operating system, which takes it for clean after a failed sync, so that later syncs neither write nor mention it.
 */
export type Durability = "durable" | "unsynced" | "failed";

/** What becomes of one write. */
export type Fate =
  | { readonly kind: "done"; readonly durability: Durability }
  | { readonly kind: "crash"; readonly point: CrashPoint }
  | { readonly kind: "syncError"; readonly effect: Durability | "none" }
  | { readonly kind: "full" };

export type CrashPoint = "before" | "unsynced" | "after";

const done: Fate = { kind: "done", durability: "durable" };
const doneUnsynced: Fate = { kind: "done", durability: "unsynced" };
const full: Fate = { kind: "full" };

/** Draws what becomes of writes. Draws nothing for faults whose rate is 0, so that they cost no randomness. */
export class FaultSource {
  readonly #random: () => number;
  #faults: DiskFaults = noFaults;
  #fullWrites = 0;
  #latencyMs = 0;
  // Whether every write simply succeeds: the hot path asks for nothing else.
  #calm = true;

  constructor(random: () => number) {
    this.#random = random;
  }

  get faults(): DiskFaults {
    return this.#faults;
  }

  set faults(faults: DiskFaults) {
    this.#faults = faults;
    const { crashBefore, crashUnsynced, crashAfter, syncError, slow } = faults;
    this.#calm = crashBefore + crashUnsynced + crashAfter + syncError + faults.full + slow === 0;
    // A disk on which nothing is to go wrong any more has room again.
    if (faults.full === 0) this.#fullWrites = 0;
  }

  /** The fate of the next write; `syncs` is whether it is for the disk, and not only for the operating system. */
  fate(syncs: boolean): Fate {
    const quiet = this.#faults.liesAboutSync ? doneUnsynced : done;
    return this.#calm ? quiet : this.#drawFate(quiet, syncs);
  }

  #drawFate(quiet: Fate, syncs: boolean): Fate {
    const { faults } = this;
    if (syncs && this.#happens(faults.slow)) {
      this.#latencyMs += faults.slowMsMin + this.#random() * (faults.slowMsMax - faults.slowMsMin);
    }
    if (this.#fullWrites > 0) {
      this.#fullWrites -= 1;
      return full;
    }
    if (this.#happens(faults.full)) {
      this.#fullWrites = Math.floor(this.#random() * FULL_WRITES_MAX);
      return full;
    }
    if (this.#happens(faults.crashBefore)) return { kind: "crash", point: "before" };
    if (this.#happens(faults.crashUnsynced)) return { kind: "crash", point: "unsynced" };
    if (this.#happens(faults.crashAfter)) {
      return { kind: "crash", point: quiet === done ? "after" : "unsynced" };
    }
    if (syncs && this.#happens(faults.syncError)) return { kind: "syncError", effect: this.#drawEffect() };
    return quiet;
  }

  #drawEffect(): Durability | "none" {
    const drawn = this.#random();
    return drawn < 1 / 3 ? "none" : drawn < 2 / 3 ? "failed" : "durable";
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }

  /** How many of so many unsynced operations a power failure leaves: a prefix, since they reach the disk in order. */
  survivors(count: number): number {
    return Math.floor(this.#random() * (count + 1));
  }

  /** How long a copy of the state takes, in milliseconds. */
  copyMs(): number {
    return this.#faults.copyMsMax === 0 ? 0 : this.#random() * this.#faults.copyMsMax;
  }

  /** The time that writes took since the last call, in milliseconds. */
  takeLatencyMs(): number {
    const latencyMs = this.#latencyMs;
    this.#latencyMs = 0;
    return latencyMs;
  }
}
