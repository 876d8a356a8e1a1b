/**
 * Divides long work into steps, so that other work gets its turns in between. The unit is a small record of some
 * microseconds: a change, a lease, a key.
 */
export class StepBudget {
  readonly #size: number;
  #left: number;

  /** Steps of so many units. */
  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** To be asked before so many units of work; true when they begin a new step. */
  ends(units: number): boolean {
    const ended = this.#left <= 0;
    this.#left = (ended ? this.#size : this.#left) - units;
    return ended;
  }
}
