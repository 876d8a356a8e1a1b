import { join, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { NEMESIS_NAMES, type NemesisName } from "../nemeses/nemesis.js";
import { RUN_BOUNDS } from "../runs/bounds.js";
import { type RunResults, run } from "../runs/run.js";
import { registerWorkload } from "../workloads/register.js";
import { EXIT_CODES } from "./exit-codes.js";
import { InputError } from "./input-error.js";

/** Exit code after an interrupt, as shells have it for SIGINT. */
const EXIT_INTERRUPTED = 130;

interface RunArguments {
  readonly workload: "register";
  readonly nemesis: string;
  readonly nodes: number;
  readonly "time-limit": number;
  readonly rate: number;
  readonly concurrency: number;
  readonly keys: number;
  readonly seed: number | undefined;
  readonly out: string | undefined;
  readonly "unsafe-test": "skip-read-index" | undefined;
  readonly output: "human" | "json";
}

function parseNemeses(value: string): NemesisName[] {
  const names = value.split(",").flatMap((part) => part.trim() || []);
  if (names.length === 1 && names[0] === "none") return [];
  return names.map((name) => {
    const known = NEMESIS_NAMES.find((candidate) => candidate === name);
    if (known === undefined) {
      throw new InputError(`--nemesis: expected some of ${NEMESIS_NAMES.join(", ")}, or none; found ${name}`);
    }
    return known;
  });
}

function requireWithin(
  flag: string,
  value: number,
  bounds: { readonly min: number; readonly max: number },
): void {
  if (!Number.isInteger(value) || value < bounds.min || value > bounds.max) {
    throw new InputError(
      `--${flag}: expected a whole number from ${bounds.min} to ${bounds.max}, found ${value}`,
    );
  }
}

/** `quorate-jepsen run`: one experiment on real servers. */
export const runCommand: CommandModule<object, RunArguments> = {
  command: "run",
  describe: "Run real servers under faults and judge what clients saw",
  builder: (yargs) =>
    yargs
      .option("workload", {
        choices: ["register"] as const,
        default: "register" as const,
        describe: "What clients do",
      })
      .option("nemesis", {
        type: "string",
        default: "kill,pause,partition",
        describe: `Faults, from ${NEMESIS_NAMES.join(", ")}; or none`,
      })
      .option("nodes", { choices: [3, 5], type: "number", default: 3, describe: "Servers" })
      .option("time-limit", {
        type: "number",
        default: RUN_BOUNDS.timeLimitS.standard,
        describe: "Seconds of load and faults",
      })
      .option("rate", {
        type: "number",
        default: RUN_BOUNDS.rate.standard,
        describe: "Operations per second",
      })
      .option("concurrency", {
        type: "number",
        default: RUN_BOUNDS.concurrency.standard,
        describe: "Clients",
      })
      .option("keys", { type: "number", default: RUN_BOUNDS.keys.standard, describe: "Registers" })
      .option("seed", { type: "number", describe: "Of the schedule and the operations; random by default" })
      .option("out", { type: "string", describe: "Directory of the run; default jepsen-runs/<timestamp>" })
      .option("unsafe-test", {
        choices: ["skip-read-index"] as const,
        describe: "Give the servers a defect that the checker must find",
      })
      .option("output", {
        choices: ["human", "json"] as const,
        default: "human" as const,
        describe: "Format",
      })
      .check((args) => {
        parseNemeses(args.nemesis);
        requireWithin("time-limit", args["time-limit"], RUN_BOUNDS.timeLimitS);
        requireWithin("rate", args.rate, RUN_BOUNDS.rate);
        requireWithin("concurrency", args.concurrency, RUN_BOUNDS.concurrency);
        requireWithin("keys", args.keys, RUN_BOUNDS.keys);
        if (args.seed !== undefined) requireWithin("seed", args.seed, { min: 0, max: 2 ** 32 - 1 });
        return true;
      })
      .example("$0 run --nemesis kill,partition --nodes 5 --time-limit 120", "two minutes, five nodes")
      .example("$0 run --seed 7 --unsafe-test skip-read-index", "must end illegal: stale reads")
      .epilogue(
        "Exit codes: 0 ok, 1 illegal, 2 unknown (undecided, or the run proves nothing), 3 input error.",
      ),
  handler: async (args) => {
    process.exitCode = await execute(args);
  },
};

async function execute(args: RunArguments): Promise<number> {
  const seed = args.seed ?? Math.floor(Math.random() * 2 ** 32);
  const timestamp = new Date().toISOString().replaceAll(":", "-");
  const interrupt = new AbortController();
  const onSignal = (): void => {
    // A second signal does not wait for anything; exiting kills the servers.
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED);
    console.error("interrupted: stopping the servers");
    interrupt.abort(new Error("interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    const results = await run(
      {
        workload: registerWorkload,
        nemeses: parseNemeses(args.nemesis),
        nodes: args.nodes,
        timeLimitS: args["time-limit"],
        rate: args.rate,
        concurrency: args.concurrency,
        keys: args.keys,
        seed,
        directory: resolve(args.out ?? join("jepsen-runs", timestamp)),
        ...(args["unsafe-test"] === undefined ? {} : { unsafeTest: args["unsafe-test"] }),
      },
      (line) => console.error(line),
      interrupt.signal,
    );
    console.log(args.output === "json" ? JSON.stringify(results) : summary(results));
    return EXIT_CODES[results.verdict];
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    console.error(error instanceof Error ? error.message : error);
    return EXIT_CODES.unknown;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

function summary(results: RunResults): string {
  const operations = Object.entries(results.operations).map(
    ([f, { ok, fail, info }]) => `  ${f.padEnd(6)} ${ok} ok, ${fail} fail, ${info} info`,
  );
  const faults = Object.entries(results.faults).map(([name, count]) => `${count} ${name}`);
  return [
    `workload ${results.workload}, ${results.nodes} nodes, ${results.timeLimitS} s, seed ${results.seed}`,
    ...operations,
    `  faults: ${faults.join(", ") || "none"}`,
    `  recovery: ${results.recoveryMs === null ? "none" : `${results.recoveryMs} ms`}, states: ${results.convergence.kind}`,
    `  check: ${results.checkMs} ms`,
    `  files: ${results.directory}`,
    `verdict: ${results.verdict}`,
    ...results.reasons,
  ].join("\n");
}
