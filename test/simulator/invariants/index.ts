import { type ObserverOptions, RunObserver } from "./run-observer.js";

export type { ObserverOptions, RunEnd, RunObserver, RunSummary } from "./run-observer.js";
export { type InvariantName, InvariantViolated } from "./violation.js";

/**
 * The observer of one run.
 *
 * ```ts
 * const observer = createObserver({ clockDriftMax: 0.1, leaseLateMsMax: 5_000, … });
 * // … the run tells it what happens, and a violated invariant throws …
 * const violation = observer.finish({ healed, healedMs, settledMs, trueMs });
 * ```
 */
export function createObserver(options: ObserverOptions): RunObserver {
  return new RunObserver(options);
}
