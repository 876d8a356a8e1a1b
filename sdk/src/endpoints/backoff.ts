/** Bounds of an exponential backoff with full jitter. */
export interface BackoffOptions {
  /** Upper bound of the first pause, in milliseconds. */
  readonly baseMs: number;
  /** Upper bound of every pause, in milliseconds. */
  readonly maxMs: number;
}

/**
 * How long to pause before attempt `attempt` + 1, in milliseconds: uniformly between 0 and
 * min(maxMs, baseMs * 2^attempt). Full jitter spreads clients that failed together.
 */
export function backoffMs(attempt: number, bounds: BackoffOptions, random: () => number): number {
  const ceilingMs = Math.min(bounds.maxMs, bounds.baseMs * 2 ** Math.min(attempt, 30));
  return random() * ceilingMs;
}
