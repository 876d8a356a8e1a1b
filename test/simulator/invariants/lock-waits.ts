import type { ClientEvent } from "../observation.js";
import type { QueueEntries } from "./queue-entries.js";
import { violated } from "./violation.js";

type LockEvent = Extract<ClientEvent, { attempt: number }>;

/** How long after its entry is gone, in a settled cluster, a contender that waits is told: its watch has to be served. */
const toldMsMax = 6_000;

/** How long after a wait or an ownership, in a settled cluster, its entry may be there: it is deleted in the background. */
const leftMsMax = 6_000;

interface Attempt {
  readonly client: string;
  readonly path: string;
  /** When it was over, in true time; undefined while the client waits or owns. */
  endedMs: number | undefined;
  granted: boolean;
}

/**
 * MUTEX, of those who wait: nobody waits on when its entry is gone, and nobody that gave up, or released, leaves an entry
 * behind that all others would wait for.
 */
export class LockWaits {
  readonly #entries: QueueEntries;
  readonly #attempts = new Map<number, Attempt>();
  #fenced = 0;

  constructor(entries: QueueEntries) {
    this.#entries = entries;
  }

  /** How many waits ended since their entries were deleted. */
  get fenced(): number {
    return this.#fenced;
  }

  event(event: LockEvent): void {
    const { attempt, client, path, trueMs } = event;
    if (event.kind === "lockWaiting") {
      this.#attempts.set(attempt, { client, path, endedMs: undefined, granted: false });
      return;
    }
    const known = this.#attempts.get(attempt);
    if (known === undefined) return;
    if (event.kind === "lockGranted") known.granted = true;
    if (event.kind === "lockFailed" || event.kind === "lockReleased") known.endedMs = trueMs;
    if (event.kind === "lockFailed" && !known.granted && event.code === "FENCED") this.#fenced += 1;
  }

  /** A client is gone, or cut off for good: it can neither be told anything nor delete anything. */
  outOfReach(client: string): void {
    for (const [attempt, known] of this.#attempts)
      if (known.client === client) this.#attempts.delete(attempt);
  }

  /** At the end of a run. */
  finish(settledMs: number, trueMs: number): void {
    for (const [attempt, { client, path, endedMs, granted }] of this.#attempts) {
      const entry = this.#entries.of(attempt);
      if (entry === undefined) continue;
      const { goneMs } = entry;
      const details = { attempt, client, ...entry, endedMs, settledMs, trueMs };
      if (goneMs !== undefined) {
        if (granted || endedMs !== undefined || trueMs <= Math.max(goneMs, settledMs) + toldMsMax) continue;
        violated("MUTEX", `${path}: ${client} waits, and its entry ${entry.key} is gone`, details);
      }
      if (endedMs === undefined || entry.rewritten) continue;
      if (trueMs <= Math.max(endedMs, settledMs) + leftMsMax) continue;
      violated("MUTEX", `${path}: ${client} left its entry ${entry.key} behind`, details);
    }
  }
}
