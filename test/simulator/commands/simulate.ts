import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { bundleSimulation, withBundleFolder } from "../build/bundle.js";
import type { Mutation } from "../mutations/mutation.js";
import { findMutation } from "../mutations/registry.js";
import { SEEDS_MIN, tooLittle } from "../run/floors.js";
import type { Overrides } from "../run/options.js";
import { defaultWorkers, Pool, seedsFrom } from "../run/pool.js";
import type { SeedResult } from "../run/result.js";
import { shrink } from "../run/shrink.js";
import { Summary } from "../run/summary.js";
import { ThemeFloors } from "../run/theme-floors.js";
import { EXIT_CODES, fail, wholeNumbers } from "./arguments.js";

const SEEDS_DEFAULT = 200;
const TRACE_LINES_DEFAULT = 120;
const PROGRESS_INTERVAL_MS = 10_000;

const given = await yargs(hideBin(process.argv))
  .scriptName("npm run simulate --")
  .usage(
    "$0 [options]\n\nRuns the whole system, with faults, under virtual time; the same seed gives the same run.",
  )
  .option("seed", {
    type: "number",
    describe: "the seed to run, or with --seeds the first",
  })
  .option("seeds", {
    type: "number",
    conflicts: "minutes",
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
    coerce: parseOptions,
    describe: "JSON that fixes options of the run, as a failure prints it",
  })
  .option("workers", {
    type: "number",
    default: defaultWorkers,
    describe: "threads",
  })
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
  .epilogue(
    [
      "Exit code: 0 all promises were kept, 1 one was broken, 2 too little happened to say so, 3 unusable arguments.",
      `Whether enough happened is judged from ${SEEDS_MIN} seeds on, without --options or --mutation.`,
    ].join("\n"),
  )
  .strict()
  .check(wholeNumbers({ seed: 0, seeds: 1, workers: 1, trace: 0 }))
  .fail(fail)
  .version(false)
  .parse();

const first = given.seed ?? (given.minutes === undefined ? 1 : seedFromClock());
if (given.minutes !== undefined) console.log(`seeds from ${first} on`);
const count =
  given.minutes !== undefined
    ? Number.MAX_SAFE_INTEGER - first
    : (given.seeds ?? (given.seed === undefined ? SEEDS_DEFAULT : 1));
const overrides: Overrides = {
  ...given.options,
  ...(given.nodes === undefined ? {} : { nodes: given.nodes }),
};
process.exitCode = await withBundleFolder(simulate).catch((error: Error) => fail(undefined, error));

function parseOptions(text: string | undefined): Overrides {
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Told below.
  }
  throw new Error("--options takes an object in JSON, as a failure prints it");
}

/** @throws Error for one that the simulation cannot show. */
function simulatedMutation(name: string | undefined): Mutation | undefined {
  if (name === undefined) return undefined;
  const mutation = findMutation(name);
  if (mutation.court === "simulator") return mutation;
  throw new Error(`${name} is caught by ${mutation.court}: npm run mutations -- ${name}`);
}

/** One of 2^31, beyond which seeds repeat: far from those of other runs, which were begun at other moments. */
function seedFromClock(): number {
  return Math.imul(Math.floor(Date.now() / 1_000), 0x9e3779b1) >>> 1;
}

/** Returns the exit code. */
async function simulate(folder: string): Promise<number> {
  const mutation = simulatedMutation(given.mutation);
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
      nextProgressMs = performance.now() + PROGRESS_INTERVAL_MS;
      console.error(
        `${summary.runs} seeds, ${(summary.simulatedMs / 3_600_000).toFixed(1)} simulated hours …`,
      );
    }
    if (given.keepGoing && result.violation !== undefined) {
      console.log(
        `seed ${result.seed}: ${result.violation.invariant} ${result.violation.message.split("\n", 1)[0]}`,
      );
    }
    return failing === undefined || given.keepGoing;
  };
  await pool.run(
    seedsFrom(first, count),
    overrides,
    (result) => told(result) && performance.now() < deadlineMs,
  );
  if (given.twice && failing === undefined) await pool.run([...hashes.keys()], overrides, told);
  if (failing !== undefined) await report(failing, pool);
  console.log(summary.text());
  if (failing !== undefined) return EXIT_CODES.violated;
  const lacking: string[] = [];
  if (mutation === undefined && given.options === undefined) lacking.push(...tooLittle(summary));
  // With so many nodes in every run not every kind of fault can happen.
  if (mutation === undefined && Object.keys(overrides).length === 0) lacking.push(...themes.tooLittle());
  for (const each of lacking) console.log(`too little: ${each}`);
  return lacking.length > 0 ? EXIT_CODES.tooLittle : EXIT_CODES.ok;
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
  const twice = violation.invariant === "DETERMINISM" ? " --twice" : "";
  console.log(
    [
      `seed ${seed}${what}: ${violation.invariant} violated at ${(simulatedMs / 1_000).toFixed(3)} s, trace ${traceHash}`,
      violation.message,
      violation.details,
      `options: ${JSON.stringify(options)}`,
      ...(given.trace > 0 ? ["the last events:", ...violation.trace.slice(-given.trace)] : []),
      violation.invariant === "UNEXPECTED" ? violation.stack : "",
      `again: npm run simulate -- --seed ${seed}${mutated}${again}${twice}`,
      "",
    ].join("\n"),
  );
}
