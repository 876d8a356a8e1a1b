import { expect, it } from "vitest";
import { bundleSimulation, withBundleFolder } from "./build/bundle.js";
import { huntInSimulation } from "./mutations/hunt.js";
import { findMutation } from "./mutations/registry.js";
import { tooLittle } from "./run/floors.js";
import { Pool, seedsFrom } from "./run/pool.js";
import type { SeedResult } from "./run/result.js";
import { Summary } from "./run/summary.js";
import { ThemeFloors } from "./run/theme-floors.js";

/** One to four minutes on two cores; as many as the floors for what is rare need. */
const SEEDS = 500;
const SEEDS_TWICE = 25;
/** The canary needs some ten of them. */
const CANARY_SEEDS_MAX = 200;
const PATIENCE_MS = 900_000;

const pooled = <Result>(work: (pool: Pool) => Promise<Result>, mutation?: string): Promise<Result> =>
  withBundleFolder(async (folder) =>
    work(
      new Pool(await bundleSimulation(folder, mutation === undefined ? undefined : findMutation(mutation))),
    ),
  );

function told({ seed, violation }: SeedResult): string {
  if (violation === undefined) return "";
  const { invariant, message } = violation;
  return `seed ${seed}: ${invariant}: ${message} (again: npm run simulate -- --seed ${seed})`;
}

it(
  `no invariant is violated in ${SEEDS} runs, in which enough happens`,
  async () => {
    const summary = new Summary();
    const themes = new ThemeFloors();
    const violations: string[] = [];
    await pooled((pool) =>
      pool.run(seedsFrom(1, SEEDS), {}, (result) => {
        summary.add(result);
        themes.add(result);
        if (result.violation !== undefined) violations.push(told(result));
        return violations.length === 0;
      }),
    );
    console.log(summary.text());
    expect(violations).toEqual([]);
    expect(summary.runs).toBe(SEEDS);
    expect([...tooLittle(summary), ...themes.tooLittle()]).toEqual([]);
  },
  PATIENCE_MS,
);

it(
  "a seed gives the same run again",
  async () => {
    const hashes = async (pool: Pool): Promise<string[]> => {
      const found = new Map<number, string>();
      await pool.run(seedsFrom(1, SEEDS_TWICE), {}, ({ seed, traceHash }) => {
        found.set(seed, traceHash);
        return true;
      });
      return [...found].sort(([a], [b]) => a - b).map(([seed, hash]) => `${seed} ${hash}`);
    };
    const [first, second] = await pooled(async (pool) => [await hashes(pool), await hashes(pool)]);
    expect(first).toHaveLength(SEEDS_TWICE);
    expect(new Set(first?.map((line) => line.split(" ")[1])).size).toBe(SEEDS_TWICE);
    expect(second).toEqual(first);
  },
  PATIENCE_MS,
);

it(
  "a known bug is caught: votes are given whatever the candidate's log holds",
  async () => {
    const caught = await pooled(
      (pool) => huntInSimulation(pool, 1, CANARY_SEEDS_MAX),
      "up-to-date-check-missing",
    );
    expect(caught?.by).toMatch(/^(LC|DUR|SMS|ES|ASSERT|LIN)$/);
  },
  PATIENCE_MS,
);
