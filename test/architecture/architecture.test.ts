import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { arrowViolations } from "./arrows.js";
import { banViolations } from "./bans.js";
import { type DeclaredPackages, dependencyViolations } from "./dependencies.js";
import { readSources, type Violation } from "./source-file.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = readSources(root);

const shown = (violations: readonly Violation[]): string[] =>
  violations.map(({ path, line, message }) => `${path}${line === 0 ? "" : `:${line}`} ${message}`);

function declaredPackages(): DeclaredPackages {
  const manifest = (folder: string): Record<string, Record<string, string>> =>
    JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const workspaces = ["proto", "server", "sdk", "cli", "jepsen-style"];
  return new Map([
    ["", new Set(Object.keys(manifest("").devDependencies ?? {}))],
    ...workspaces.map((name) => [name, new Set(Object.keys(manifest(name).dependencies ?? {}))] as const),
  ]);
}

describe("the architecture", () => {
  it("is read from all workspaces", () => {
    for (const workspace of ["proto", "server", "sdk", "cli", "jepsen-style", "test"]) {
      expect(
        sources.filter(({ path }) => path.startsWith(`${workspace}/`)).length,
        workspace,
      ).toBeGreaterThan(0);
    }
  });

  it("has imports only along its arrows", () => {
    expect(shown(sources.flatMap(arrowViolations))).toEqual([]);
  });

  it("imports only declared packages", () => {
    const declared = declaredPackages();
    const ours = sources.filter(({ path }) => path.includes("/"));
    expect(shown(ours.flatMap((file) => dependencyViolations(file, declared)))).toEqual([]);
  });

  it("has nothing that the house bans", () => {
    expect(shown(sources.flatMap(banViolations))).toEqual([]);
  });
});
