import { sessionResultsMax } from "./limits.js";
import type { Result } from "./result.js";

/** What a session remembers so that each of its mutations is applied once: the results its client may still ask for. */
export class Session {
  /** Results of mutations by sequence; all at or above `lowestPending`. */
  readonly results = new Map<number, Result>();
  #lowestPending = 1;

  /** The lowest sequence whose result is kept. Never falls. */
  get lowestPending(): number {
    return this.#lowestPending;
  }

  /** Whether it keeps as many results as it may. */
  get full(): boolean {
    return this.results.size >= sessionResultsMax;
  }

  /**
   * Raises the lowest pending sequence and forgets the results below it, telling `forget` of each. Costs a step for
   * each sequence passed, or for each result kept, whichever is less.
   */
  acknowledge(lowestPending: number, forget: (sequence: number, result: Result) => void): void {
    const from = this.#lowestPending;
    if (lowestPending <= from) return;
    this.#lowestPending = lowestPending;
    const results = this.results;
    if (lowestPending - from <= results.size) {
      for (let sequence = from; sequence < lowestPending; sequence += 1) {
        const result = results.get(sequence);
        if (result === undefined) continue;
        forget(sequence, result);
        results.delete(sequence);
      }
      return;
    }
    for (const [sequence, result] of results) {
      if (sequence >= lowestPending) continue;
      forget(sequence, result);
      results.delete(sequence);
    }
  }

  /** Takes over an earlier life's record. */
  restore(lowestPending: number, results: Iterable<readonly [number, Result]>): void {
    this.#lowestPending = lowestPending;
    for (const [sequence, result] of results) this.results.set(sequence, result);
  }
}
