import type { InvariantName } from "../invariants/violation.js";

/**
 * The promises that a wrong behaviour may break: the observer's, that a healed cluster makes progress, and what the code
 * asserts of itself.
 */
export type Promised = InvariantName | "LIVE" | "ASSERT";

/** A change of one place of the source. */
export interface Edit {
  /** Path from the root of the checkout. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A small wrong behaviour in the real code's place, which the simulator or a unit test must catch. */
export interface Mutation {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly wrong: string;
  /** Invariants of which one should trip; another one may trip before. */
  readonly trips: readonly Promised[];
  readonly edits: readonly Edit[];
  /**
   * Where it is caught: what needs a real disk by the tests of the storage; what breaks no promise that a client sees, or
   * in too few runs, by tests of the place.
   */
  readonly court: "simulator" | "storage tests" | "unit tests";
  /** Those tests. */
  readonly tests?: readonly string[];
}
