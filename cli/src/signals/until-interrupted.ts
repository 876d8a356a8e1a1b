import type { Terminal } from "../terminal.js";
import { listenForInterruption } from "./interruption.js";
import type { EndingSignal } from "./signals.js";

/**
 * Runs work that goes on until somebody ends it: an ending signal, or whoever read stdout. The signal given to `work` is
 * aborted then; whatever that makes it throw is no failure.
 *
 * @returns the signal that ended it; undefined when it came to its own end.
 * @throws CommandFailure when stdout takes no more, and whatever `work` throws by itself.
 */
export async function untilInterrupted(
  { closed }: Terminal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<EndingSignal | undefined> {
  const interruption = listenForInterruption();
  try {
    await work(AbortSignal.any([interruption.signal, closed]));
  } catch (error) {
    if (interruption.by === undefined) throw closed.aborted ? closed.reason : error;
  } finally {
    interruption.stop();
  }
  return interruption.by;
}
