import { setTimeout as sleep } from "node:timers/promises";

/** Waits, or less when the signal comes first. */
export async function pauseFor(durationMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(durationMs, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
