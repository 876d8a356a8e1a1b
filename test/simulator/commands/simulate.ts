import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { bundleSimulation, withBundleFolder } from "../build/bundle.js";
import { findMutation } from "../mutations/registry.js";
import { tooLittle } from "../run/floors.js";
import type { Overrides } from "../run/options.js";
import { defaultWorkers, Pool, seedsFrom } from "../run/pool.js";
import type { SeedResult } from "../run/result.js";
import { shrink } from "../run/shrink.js";
import { Summary } from "../run/summary.js";
import { ThemeFloors } from "../run/theme-floors.js";

const SEEDS_DEFAULT = 200;
const TRACE_LINES_DEFAULT = 120;
const PROGRESS_INTERVAL_MS = 10_000;

const given = await yargs(hideBin(process.argv))
  .scriptName("npm run simulate --")
  .usage(
    "$0 [options]\n\nRuns the whole system, with faults, under virtual time; the same seed gives the same run.",
  )
  .option("seed", { type: "number", describe: "the seed to run, or with --seeds the first" })
  .option("seeds", {
    type: "number",
    describe: `how many seeds to run (default ${SEEDS_DEFAULT}, or 1 with --seed)`,
  })
  .option("minutes", {
    type: "number",
    describe: "run new seeds for so many real minutes, from one that the clock gives, or --seed, on",
  })
  .option("nodes", {
    choices: [3, 5] as const,
    describe: "servers in the cluster (default: drawn from the seed)",
  })
  .option("mutation", { type: "string", describe: "seed a known bug; see npm run mutations" })
  .option("options", {
    type: "string",
    describe: "JSON that fixes options of the run, as a failure prints it",
  })
  .option("workers", { type: "number", default: defaultWorkers, describe: "threads" })
  .option("twice", {
    type: "boolean",
    default: false,
    describe: "run every seed twice and compare the hashes of the traces",
  })
  .option("keep-going", {
    type: "boolean",
    default: false,
    describe: "go on after a violation, and list them all",
  })
  .option("shrink", { type: "boolean", default: true, describe: "reduce a failing run" })
  .option("trace", {
    type: "number",
    default: TRACE_LINES_DEFAULT,
    describe: "events shown before a violation",
  })
  .example("$0 --seeds 1000", "a thousand seeds")
  .example("$0 --seed 4711", "one seed again, exactly")
  .example("$0 --mutation read-index-without-quorum", "until the mutation is caught")
  .strict()
  .version(false)
  .parse();

const first = given.seed ?? (given.minutes === undefined ? 1 : seedFromClock());
if (given.minutes !== undefined) console.log(`seeds from ${first} on`);
const count =
  given.minutes !== undefined
    ? Number.MAX_SAFE_INTEGER - first
    : (given.seeds ?? (given.seed === undefined ? SEEDS_DEFAULT : 1));
const overrides: Overrides = {
  ...(given.options === undefined ? {} : (JSON.parse(given.options) as Overrides)),
  ...(given.nodes === undefined ? {} : { nodes: given.nodes }),
};
process.exitCode = await withBundleFolder(simulate);

/** One of 2^31, beyond which seeds repeat: far from those of other runs, which were begun at other moments. */
function seedFromClock(): number {
  return Math.imul(Math.floor(Date.now() / 1_000), 0x9e3779b1) >>> 1;
}

/** Returns the exit code: 1 for a violation, 2 for too little done. */
async function simulate(folder: string): Promise<number> {
  const mutation = given.mutation === undefined ? undefined : findMutation(given.mutation);
  const pool = new Pool(await bundleSimulation(folder, mutation), given.workers);
  const summary = new Summary();
  const themes = new ThemeFloors();
  const startedMs = performance.now();
  const deadlineMs =
    given.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + given.minutes * 60_000;
  let failing: SeedResult | undefined;
  let nextProgressMs = startedMs + PROGRESS_INTERVAL_MS;
  const hashes = new Map<number, string>();
  const told = (result: SeedResult): boolean => {
    summary.add(result);
    themes.add(result);
    const earlier = hashes.get(result.seed);
    if (given.twice && earlier === undefined) hashes.set(result.seed, result.traceHash);
    if (given.twice && earlier !== undefined && earlier !== result.traceHash) {
      failing ??= {
        ...result,
        violation: {
          invariant: "DETERMINISM",
          message: `trace hash ${earlier}, then ${result.traceHash}`,
          details: "",
          stack: "",
          trace: [],
        },
      };
    }
    if (result.violation !== undefined && (failing === undefined || result.seed < failing.seed))
      failing = result;
    if (performance.now() >= nextProgressMs) {
      nextProgressMs += PROGRESS_INTERVAL_MS;
      console.error(
        `${summary.runs} seeds, ${(summary.simulatedMs / 3_600_000).toFixed(1)} simulated hours …`,
      );
    }
    if (given.keepGoing && result.violation !== undefined) {
      console.log(
        `seed ${result.seed}: ${result.violation.invariant} ${result.violation.message.split("\n", 1)[0]}`,
      );
    }
    return (failing === undefined || given.keepGoing) && performance.now() < deadlineMs;
  };
  await pool.run(seedsFrom(first, count), overrides, told);
  if (given.twice && failing === undefined) await pool.run([...hashes.keys()], overrides, told);
  if (failing !== undefined) await report(failing, pool);
  console.log(summary.text());
  if (failing !== undefined) return 1;
  const judged = mutation === undefined && Object.keys(overrides).length === 0;
  const lacking = judged ? [...tooLittle(summary), ...themes.tooLittle()] : [];
  for (const each of lacking) console.log(`too little: ${each}`);
  return lacking.length > 0 ? 2 : 0;
}

async function report(failing: SeedResult, pool: Pool): Promise<void> {
  show(failing, "");
  if (!given.shrink || failing.violation?.invariant === "DETERMINISM") return;
  console.error("shrinking …");
  const smaller = await shrink(
    failing,
    (options) => pool.runOne(failing.seed, options),
    (text) => console.error(text),
  );
  if (smaller !== failing) show(smaller, " (shrunk)");
}

function show({ seed, options, violation, simulatedMs, traceHash }: SeedResult, what: string): void {
  if (violation === undefined) return;
  const mutated = given.mutation === undefined ? "" : ` --mutation ${given.mutation}`;
  const fixed = what === "" ? JSON.stringify(overrides) : JSON.stringify(options);
  const again = fixed === "{}" ? "" : ` --options '${fixed}'`;
  console.log(
    [
      `seed ${seed}${what}: ${violation.invariant} violated at ${(simulatedMs / 1_000).toFixed(3)} s, trace ${traceHash}`,
      violation.message,
      violation.details,
      `options: ${JSON.stringify(options)}`,
      ...(given.trace > 0 ? ["the last events:", ...violation.trace.slice(-given.trace)] : []),
      violation.invariant === "UNEXPECTED" ? violation.stack : "",
      `again: npm run simulate -- --seed ${seed}${mutated}${again}`,
      "",
    ].join("\n"),
  );
}
