import { QuorateError } from "../errors/quorate-error.js";

/** Pause before what was disturbed goes on, in milliseconds: an election takes some of them. */
export const disturbedPauseMs = 200;

/** Resolves so much later. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether a call failed for what passes by itself: a wait outlives a time without quorum, and its caller bounds it. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof QuorateError)) return false;
  switch (error.code) {
    case "NO_QUORUM":
    case "UNAVAILABLE":
    case "OVERLOADED":
    case "DEADLINE_EXCEEDED":
      return true;
    default:
      return false;
  }
}

/** Makes a call again and again while what makes it fail passes by itself. Rejects once the signal is aborted. */
export async function patiently<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      await pause(disturbedPauseMs);
    }
  }
}
