import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { bundleSimulation, withBundleFolder } from "../build/bundle.js";
import { type Caught, huntInSimulation } from "../mutations/hunt.js";
import type { Mutation } from "../mutations/mutation.js";
import { mutations } from "../mutations/registry.js";
import { huntInTests } from "../mutations/unit-test-hunt.js";
import { defaultWorkers, Pool } from "../run/pool.js";
import { EXIT_CODES, fail, wholeNumbers } from "./arguments.js";

/** Seeds after which a mutation counts as not caught. */
const SEEDS_MAX = 5_000;

const given = await yargs(hideBin(process.argv))
  .scriptName("npm run mutations --")
  .usage(
    "$0 [names..]\n\nSeeds each known bug into the real code, and says which promise it broke and how soon that was seen.",
  )
  .option("seeds", {
    type: "number",
    default: SEEDS_MAX,
    describe: "seeds to try at most",
  })
  .option("first", {
    type: "number",
    default: 1,
    describe: "the first seed",
  })
  .option("workers", {
    type: "number",
    default: defaultWorkers,
    describe: "threads",
  })
  .option("list", { type: "boolean", default: false, describe: "only list the mutations" })
  .example("$0 vote-counted-twice", "one mutation")
  .epilogue("Exit code: 0 all caught, 1 some not, 3 unusable arguments.")
  .strictOptions()
  .check(wholeNumbers({ seeds: 1, first: 0, workers: 1 }))
  .fail(fail)
  .version(false)
  .parse();

const names = given._.map(String);
const unknown = names.filter((name) => !mutations.some((mutation) => mutation.name === name));
if (unknown.length > 0) fail(`no such mutation: ${unknown.join(", ")}; --list shows them all`);
const chosen = mutations.filter(({ name }) => names.length === 0 || names.includes(name));
if (given.list) {
  for (const { name, wrong, trips, court } of chosen)
    console.log(`${name.padEnd(44)} ${court.padEnd(13)} ${trips.join(" ").padEnd(14)} ${wrong}`);
} else process.exitCode = await withBundleFolder(hunt).catch((error: Error) => fail(undefined, error));

/** That another promise was seen broken than those which should be: the mutation, or a checker, is not what it says. */
function surprise({ trips, court }: Mutation, { by }: Caught): string {
  if (court !== "simulator" || trips.some((trip) => trip === by)) return "";
  return `, expected ${trips.join(" or ")}`;
}

async function hunt(folder: string): Promise<number> {
  const seeds: number[] = [];
  const escaped: string[] = [];
  for (const mutation of chosen) {
    const caught: Caught | undefined =
      mutation.court === "simulator"
        ? await huntInSimulation(
            new Pool(await bundleSimulation(folder, mutation), given.workers),
            given.first,
            given.seeds,
          )
        : await huntInTests(mutation);
    if (caught === undefined) escaped.push(mutation.name);
    else if (caught.seeds !== undefined) seeds.push(caught.seeds);
    const verdict =
      caught === undefined ? "NOT CAUGHT" : `caught by ${caught.by}${surprise(mutation, caught)}`;
    const needed = caught?.seeds === undefined ? "" : `${caught.seeds} seed${caught.seeds === 1 ? "" : "s"}`;
    console.log(`${mutation.name.padEnd(44)} ${verdict.padEnd(28)} ${needed}`);
  }
  seeds.sort((a, b) => a - b);
  const median = seeds[Math.floor(seeds.length / 2)] ?? 0;
  console.log(
    `${chosen.length} mutations, ${chosen.length - escaped.length} caught; seeds needed: median ${median}, most ${seeds.at(-1) ?? 0}`,
  );
  if (escaped.length > 0) console.log(`not caught: ${escaped.join(", ")}`);
  return escaped.length > 0 ? EXIT_CODES.violated : EXIT_CODES.ok;
}
