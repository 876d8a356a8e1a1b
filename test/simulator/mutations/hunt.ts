import { type Pool, seedsFrom } from "../run/pool.js";

/** How a mutation was caught. */
export interface Caught {
  /** The invariant that tripped, or the test that failed. */
  readonly by: string;
  /** How many seeds it took, counted from the first; undefined outside the simulator. */
  readonly seeds: number | undefined;
}

/** Runs seeds until one trips an invariant. Undefined when none of them does. */
export async function huntInSimulation(
  pool: Pool,
  first: number,
  count: number,
): Promise<Caught | undefined> {
  let found: { readonly seed: number; readonly invariant: string } | undefined;
  await pool.run(seedsFrom(first, count), {}, ({ seed, violation }) => {
    if (violation !== undefined && (found === undefined || seed < found.seed)) {
      found = { seed, invariant: violation.invariant };
    }
    return found === undefined;
  });
  return found === undefined ? undefined : { by: found.invariant, seeds: found.seed - first + 1 };
}
