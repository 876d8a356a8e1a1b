import { describe, expect, test } from "vitest";
import { Chaos, type ChaosCounts } from "./chaos.test-support.js";

const SEEDS = 200;
const STEPS = 1_500;

describe("safety under faults (paper, Figure 3)", () => {
  test(`holds, and there is progress once healed, for ${SEEDS} seeds`, () => {
    const total: ChaosCounts = {
      applied: 0,
      terms: 0,
      changes: 0,
      transfers: 0,
      snapshots: 0,
      lostWrites: 0,
      reads: 0,
    };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { counts } = run(seed);
      total.applied += counts.applied;
      total.terms += counts.terms;
      total.changes += counts.changes;
      total.transfers += counts.transfers;
      total.snapshots += counts.snapshots;
      total.lostWrites += counts.lostWrites;
      total.reads += counts.reads;
    }
    // A run in which nothing happened proves nothing.
    expect(total.applied).toBeGreaterThan(SEEDS * 15);
    expect(total.terms).toBeGreaterThan(SEEDS * 3);
    expect(total.changes).toBeGreaterThan(SEEDS);
    expect(total.transfers).toBeGreaterThan(SEEDS);
    expect(total.snapshots).toBeGreaterThan(SEEDS);
    expect(total.lostWrites).toBeGreaterThan(SEEDS);
    expect(total.reads).toBeGreaterThan(SEEDS);
  }, 60_000);
});

function run(seed: number): Chaos {
  const chaos = new Chaos(seed);
  try {
    for (let i = 0; i < STEPS; i++) chaos.step();
    chaos.converge();
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  }
  return chaos;
}
