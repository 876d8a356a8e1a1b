import { join } from "node:path";
import { defineConfig, type Plugin } from "vitest/config";

/** Takes both cores for itself: it runs in threads of its own. */
const simulation = "test/simulator/simulation.test.ts";
/** Need a machine to themselves: they keep both cores busy, or judge how fast something is. */
const alone = [
  "test/jepsen/**/*.test.ts",
  "test/limits/**/*.test.ts",
  "test/cluster/{exactly-once,failover,identity,leases,membership,sessions}.test.ts",
];
const excluded = ["**/node_modules/**", "**/dist/**", ".quorate/**"];

/**
 * `npm run mutations` runs the tests of the storage against a source with a known bug in it: QUORATE_MUTATION holds the
 * changes as JSON, each with the text to find and its replacement.
 */
function mutating(): Plugin[] {
  const given = process.env.QUORATE_MUTATION;
  if (given === undefined) return [];
  const edits = JSON.parse(given) as { file: string; find: string; replace: string }[];
  return [
    {
      name: "quorate-mutation",
      enforce: "pre",
      transform(code, id) {
        const mine = edits.filter(({ file }) => id === join(import.meta.dirname, file));
        return mine.length === 0
          ? undefined
          : mine.reduce((text, edit) => text.replace(edit.find, () => edit.replace), code);
      },
    },
  ];
}

/**
 * Four groups, one after the other. `unit` is everything that runs inside one process; its files run in parallel.
 * `simulator` runs the whole system under virtual time. The last two start real server processes. Most of those tests
 * wait, for a process to start, a lease to end or a leader to be missed, so in `servers` two files run at a time. In
 * `cluster` they run one at a time: the test machines have two cores, and a cluster that gets no processor time loses
 * its leader for reasons no test is about.
 */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: mutating(),
        test: {
          name: "unit",
          include: [
            "{proto,server,sdk,cli,jepsen-style}/src/**/*.test.ts",
            "test/{architecture,simulator,models,checkers}/**/*.test.ts",
          ],
          exclude: [...excluded, simulation],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 20_000,
          hookTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "simulator",
          include: [simulation],
          exclude: excluded,
          pool: "forks",
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "servers",
          include: ["test/**/*.test.ts"],
          exclude: [...excluded, ...alone, "test/{architecture,simulator,models,checkers}/**"],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "cluster",
          include: alone,
          exclude: excluded,
          pool: "forks",
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
