/** One measured run. */
export interface Run {
  /** Acknowledged operations a second. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** The value below which `fraction` of the sorted values lie. */
export function percentile(sorted: Float64Array | readonly number[], fraction: number): number {
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * fraction));
  return sorted[index] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Summarizes latencies of operations that were acknowledged within a time. */
export function toRun(latenciesMs: readonly number[], seconds: number): Run {
  const sorted = Float64Array.from(latenciesMs).sort();
  return {
    perSecond: latenciesMs.length / seconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    p999Ms: percentile(sorted, 0.999),
  };
}

/** The run whose throughput is the median one of several. */
export function medianRun(runs: readonly Run[]): Run {
  const sorted = [...runs].sort((a, b) => a.perSecond - b.perSecond);
  const run = sorted[Math.floor(sorted.length / 2)];
  if (run === undefined) throw new Error("no runs");
  return run;
}
