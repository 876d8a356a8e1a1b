import type { Waiting } from "./backlog.js";
import type { Random } from "./random.js";

/** Any number that no other fork of a process's source has. */
const BACKLOG_SALT = 11;

/**
 * One simulated operating-system process: a server or a client. Its code sees only its own clock, its own chance and,
 * through the ambient, its own disk and network.
 */
export class Process {
  readonly host: string;
  readonly random: Random;
  /** Told when the process ends, whatever the reason; connections close then. */
  readonly onEnd = new Set<(how: "exit" | "power") => void>();
  /** Handles an exception that nobody caught. */
  readonly onUncaught: (error: unknown) => void;
  alive = true;
  /** True time until which nothing of the process runs: its disk is slow, or it is paused (infinite). */
  blockedUntilMs = 0;
  /** True time until which its disk is slow, whether or not it is paused as well. */
  busyUntilMs = 0;
  /** What was due while nothing could run, in that order: it runs when the disk has answered and the pause is over. */
  readonly backlog: Waiting[] = [];
  /** Whether it stood still for so long that what piled up comes in an order of its own. */
  stoodStill = false;
  /** Draws that order. */
  readonly orders: Random;
  /** Whether the end of the wait for the disk is scheduled. */
  wakes = false;
  /** Mean true milliseconds between two turns of its event loop: 0 while it has all the processor it wants. */
  turnDelayMs = 0;
  /** No turn begins before one that was asked for earlier. */
  nextTurnMs = 0;
  /** Events run so far. */
  steps = 0;
  /** Called when `steps` reaches it: a crash at any point between two events. */
  stepAlarm: { readonly at: number; readonly run: () => void } | undefined;

  #rate = 1;
  #sinceTrueMs = 0;
  #sinceLocalMs: number;
  #wallOffsetMs: number;

  constructor(host: string, random: Random, nowMs: number, onUncaught: (error: unknown) => void) {
    this.host = host;
    this.random = random;
    this.orders = random.fork(BACKLOG_SALT);
    this.onUncaught = onUncaught;
    this.#sinceTrueMs = nowMs;
    this.#sinceLocalMs = random.between(1_000, 1_000_000);
    this.#wallOffsetMs = 1_700_000_000_000 + random.between(-60_000, 60_000);
  }

  /** Local milliseconds that pass in one true millisecond. */
  get clockRate(): number {
    return this.#rate;
  }

  setClockRate(rate: number, trueMs: number): void {
    this.#sinceLocalMs = this.monotonicMs(trueMs);
    this.#sinceTrueMs = trueMs;
    this.#rate = rate;
  }

  /** The wall clock is set: forwards or backwards. The monotonic one is not touched, as on a real machine. */
  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  monotonicMs(trueMs: number): number {
    return this.#sinceLocalMs + (trueMs - this.#sinceTrueMs) * this.#rate;
  }

  wallMs(trueMs: number): number {
    return Math.floor(this.#wallOffsetMs + trueMs);
  }
}
