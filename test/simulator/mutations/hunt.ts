import { type Pool, seedsFrom } from "../run/pool.js";

/** How a mutation was caught. */
export interface Caught {
  /** The invariant that tripped, or the test that failed. */
  readonly by: string;
  /** How many seeds it took, counted from the first; undefined outside the simulator. */
  readonly seeds: number | undefined;
}

/**
 * Runs seeds until one trips an invariant. Undefined when none of them does: a process that merely ends, for no reason
 * that anybody knows, is not caught at what is wrong with it.
 */
export async function huntInSimulation(
  pool: Pool,
  first: number,
  count: number,
): Promise<Caught | undefined> {
  let found: { readonly seed: number; readonly invariant: string } | undefined;
  await pool.run(seedsFrom(first, count), {}, ({ seed, violation }) => {
    if (violation === undefined || violation.invariant === "UNEXPECTED") return found === undefined;
    if (found === undefined || seed < found.seed) found = { seed, invariant: violation.invariant };
    return false;
  });
  return found === undefined ? undefined : { by: found.invariant, seeds: found.seed - first + 1 };
}
