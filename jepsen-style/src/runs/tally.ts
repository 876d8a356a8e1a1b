import type { Completion } from "../workloads/workload.js";

/** How many operations ended how. */
export interface OutcomeCounts {
  ok: number;
  fail: number;
  info: number;
}

/** Counts operations by function and outcome. */
export class Tally {
  readonly #counts = new Map<string, OutcomeCounts>();

  /** Counts one. */
  add(f: string, type: Completion["type"]): void {
    let counts = this.#counts.get(f);
    if (counts === undefined) {
      counts = { ok: 0, fail: 0, info: 0 };
      this.#counts.set(f, counts);
    }
    counts[type] += 1;
  }

  /** How many of the function ended so. */
  of(f: string, type: Completion["type"]): number {
    return this.#counts.get(f)?.[type] ?? 0;
  }

  /** How many ended so, of all functions. */
  total(type: Completion["type"]): number {
    return [...this.#counts.values()].reduce((sum, counts) => sum + counts[type], 0);
  }

  /** All counts by function. */
  byFunction(): Record<string, OutcomeCounts> {
    return Object.fromEntries(this.#counts);
  }
}
