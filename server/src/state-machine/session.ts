import { sessionResultsMax } from "./limits.js";
import type { Result } from "./result.js";
import { resultBytes } from "./result-bytes.js";

/** What a session remembers so that each of its mutations is applied once: the results its client may still ask for. */
export class Session {
  /** Results of mutations by sequence; all at or above `lowestPending`. */
  readonly results = new Map<number, Result>();
  #lowestPending = 1;
  // Invariant: the sum of resultBytes over the results kept.
  #resultBytes = 0;

  /** The lowest sequence whose result is kept. Never falls. */
  get lowestPending(): number {
    return this.#lowestPending;
  }

  /** Bytes of the results kept. */
  get resultBytes(): number {
    return this.#resultBytes;
  }

  /** Which bound of what it may keep it has reached, bytes 0 meaning any number; undefined when there is room. */
  fullness(resultBytesMax: number): string | undefined {
    if (this.results.size >= sessionResultsMax) return `${sessionResultsMax} results`;
    if (resultBytesMax !== 0 && this.#resultBytes >= resultBytesMax)
      return `${resultBytesMax} bytes of results`;
    return undefined;
  }

  /** Keeps a result. */
  keep(sequence: number, result: Result): void {
    this.results.set(sequence, result);
    this.#resultBytes += resultBytes(result);
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
        this.#forget(sequence, result, forget);
      }
      return;
    }
    for (const [sequence, result] of results) {
      if (sequence >= lowestPending) continue;
      this.#forget(sequence, result, forget);
    }
  }

  /** Takes over an earlier life's record. */
  restore(lowestPending: number, results: Iterable<readonly [number, Result]>): void {
    this.#lowestPending = lowestPending;
    for (const [sequence, result] of results) this.keep(sequence, result);
  }

  #forget(sequence: number, result: Result, forget: (sequence: number, result: Result) => void): void {
    forget(sequence, result);
    this.results.delete(sequence);
    this.#resultBytes -= resultBytes(result);
  }
}
