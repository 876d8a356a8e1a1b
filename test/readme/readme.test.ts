import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../cli/cli-run.js";
import { LocalCluster } from "../cluster/local-cluster.js";
import { codeBlocks } from "./code-block.js";

const run = promisify(execFile);

const blocks = codeBlocks(readFileSync(join(root, "README.md"), "utf8"));
/** What starts a cluster, runs every test or builds a container is not run inside a test. */
const shellBlocks = blocks.filter(
  ({ language, code }) => language === "sh" && !/^(?:npm|docker) /m.test(code),
);
const programBlocks = blocks.filter(({ language }) => language === "ts");

let cluster: LocalCluster;
let dir: string;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  dir = mkdtempSync(join(tmpdir(), "quorate-readme-"));
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, QUORATE_ENDPOINTS: cluster.endpoints.join(",") };
}

it("has as many blocks as this test knows of", () => {
  expect({ shell: shellBlocks.length, program: programBlocks.length }).toEqual({ shell: 2, program: 8 });
});

it("shows commands that work, from top to bottom", async () => {
  const script = shellBlocks.map(({ code }) => code).join("\n");
  const { stdout, stderr } = await run("bash", ["-euo", "pipefail", "-c", script], {
    cwd: root,
    env: environment(),
    timeout: 50_000,
  });
  expect(stderr).toBe("");
  const lines = stdout.split("\n");
  expect(stdout).toMatch(/^NAME +ENDPOINT +ROLE/);
  expect(lines).toContain("postgres://db1");
  expect(stdout).toMatch(/"value": "postgres:\/\/db1"/);
  expect(stdout).toMatch(/^\d+\tPUT\t\/app\/owner\tme$/m);
  // Written under the lock, so there are three keys to delete.
  expect(stdout).toMatch(/^\/app\/report at revision \d+$/m);
  expect(lines.at(-2)).toMatch(/^3 deleted at revision \d+$/);
});

it("shows a program that compiles and works, from top to bottom", async () => {
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), '{ "type": "module" }');
  writeFileSync(join(dir, "tour.ts"), programBlocks.map(({ code }) => code).join("\n"));
  const options = "--strict --target ES2022 --lib ES2023,ESNext.Disposable --module NodeNext --types node";
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const compiled = await run(process.execPath, [tsc, ...options.split(" "), "tour.ts"], { cwd: dir }).catch(
    (failure: { stdout: string }) => failure,
  );
  expect(compiled.stdout).toBe("");
  const { stdout, stderr } = await run(process.execPath, ["tour.js"], {
    cwd: dir,
    env: environment(),
    timeout: 50_000,
  });
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n")).toEqual([
    "postgres://db1 true",
    "1",
    "true",
    "put /config/db postgres://db2",
    "put /config/previous postgres://db1",
    "[ '/services/api/1' ]",
    "no work under the lock from here on",
    expect.stringMatching(/^worker-1 \d+$/),
    "refused: the lock is not held under that token",
  ]);
});
