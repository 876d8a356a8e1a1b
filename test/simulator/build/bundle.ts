import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import type { Mutation } from "../mutations/mutation.js";

/** The checkout, found from where this file or its compiled copy lies. */
export const root = findRoot();

function findRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const at = here.lastIndexOf(`${sep}test${sep}`);
  return here.slice(0, at);
}

const simulator = join(root, "test", "simulator");
const inSimulator = (path: string): string => join(simulator, path);

/** Modules that reach out of the process, and what stands in for each in a simulation. */
const replacedModules: ReadonlyMap<string, string> = new Map([
  ["@grpc/grpc-js", inSimulator("network/grpc/index.ts")],
  ["node:fs", inSimulator("disk/file-system.ts")],
  ["node:fs/promises", inSimulator("disk/file-handles.ts")],
  ["node:http", inSimulator("platform/http.ts")],
  ["node:crypto", inSimulator("platform/crypto.ts")],
]);

/** Files of the server whose work a simulated disk does. */
const replacedFiles: ReadonlyMap<string, string> = new Map([
  [join(root, "server/src/storage/directory-lock.ts"), inSimulator("disk/directory-lock.ts")],
  [join(root, "server/src/storage/state-store.ts"), inSimulator("disk/state-store.ts")],
  [join(root, "server/src/version.ts"), inSimulator("platform/version.ts")],
]);

/** Workspaces, taken as source. */
const workspaces: ReadonlyMap<string, string> = new Map([
  ["@quorate/proto", join(root, "proto/src/index.ts")],
  ["@quorate/sdk", join(root, "sdk/src/index.ts")],
  ["@quorate/jepsen-style", join(root, "jepsen-style/src/index.ts")],
]);

/** Globals that tell time or draw lots, and what stands in for each in the code under test and in the workloads. */
const globals = inSimulator("world/globals.ts");
const injected = {
  setTimeout: [globals, "setTimeout"],
  clearTimeout: [globals, "clearTimeout"],
  setInterval: [globals, "setInterval"],
  clearInterval: [globals, "clearInterval"],
  setImmediate: [globals, "setImmediate"],
  clearImmediate: [globals, "clearImmediate"],
  performance: [globals, "performance"],
  "Date.now": [globals, "dateNow"],
  "Math.random": [globals, "mathRandom"],
} as const;

/** Whether a file is the simulator's own machinery, which sees the real modules. */
function isMachinery(importer: string | undefined): boolean {
  if (importer === undefined) return true;
  const path = relative(simulator, importer);
  return !path.startsWith("..") && !path.startsWith(`workload${sep}`);
}

function replacing(): Plugin {
  return {
    name: "quorate-simulated-world",
    async resolveId(specifier, importer, options) {
      const workspace = workspaces.get(specifier);
      if (workspace !== undefined) return workspace;
      if (!specifier.startsWith(".") && !specifier.startsWith("/")) {
        const replaced = isMachinery(importer) ? undefined : replacedModules.get(specifier);
        return replaced ?? { id: specifier, external: true };
      }
      const resolved = await this.resolve(specifier.replace(/\.js$/, ".ts"), importer, {
        ...options,
        skipSelf: true,
      });
      if (resolved === null) return null;
      return (isMachinery(importer) ? undefined : replacedFiles.get(resolved.id)) ?? resolved.id;
    },
  };
}

/** Applies a mutation to the source, in its place. A mutation that does not fit any more is an error. */
function mutating(mutation: Mutation): Plugin {
  const files = new Map(mutation.edits.map(({ file }) => [join(root, file), file]));
  const seen = new Set<string>();
  return {
    name: "quorate-mutation",
    async load(id) {
      const file = files.get(id);
      if (file === undefined) return null;
      seen.add(file);
      return { code: applyEdits(mutation, file, await readFile(id, "utf8")), moduleType: "ts" };
    },
    buildEnd() {
      for (const { file } of mutation.edits) {
        if (!seen.has(file))
          throw new Error(`mutation ${mutation.name}: ${file} is not part of the simulation`);
      }
    },
  };
}

/** @throws Error unless each edit's text occurs exactly once. */
export function applyEdits(mutation: Mutation, file: string, source: string): string {
  let code = source;
  for (const edit of mutation.edits) {
    if (edit.file !== file) continue;
    const parts = code.split(edit.find);
    if (parts.length !== 2) {
      throw new Error(
        `mutation ${mutation.name}: the text to replace occurs ${parts.length - 1} times in ${file}, not once: ${edit.find}`,
      );
    }
    code = parts.join(edit.replace);
  }
  return code;
}

/** Does `work` with a folder for bundles, inside the checkout: what they import from packages is found from there. */
export async function withBundleFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const parent = join(root, "test", "dist");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "bundle-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Builds the simulation, or a mutated one, as one module in `folder`, and returns its path. The servers and clients
 * in it are the real source, with time, chance, network and disk replaced.
 */
export async function bundleSimulation(folder: string, mutation?: Mutation): Promise<string> {
  const bundle = await rolldown({
    input: inSimulator("run/worker.ts"),
    platform: "node",
    plugins: [...(mutation === undefined ? [] : [mutating(mutation)]), replacing()],
    transform: {
      inject: Object.fromEntries(Object.entries(injected).map(([name, [...from]]) => [name, from])),
    },
    logLevel: "warn",
    treeshake: false,
  });
  const file = join(folder, `${mutation?.name ?? "simulation"}.mjs`);
  await bundle.write({ file, format: "esm", sourcemap: "inline" });
  await bundle.close();
  return file;
}
