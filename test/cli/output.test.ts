import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";
import { CLI, CliProcess, cli } from "./cli-run.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  for (const key of ["/out/a", "/out/b"]) {
    expect((await cli(["put", key, "x".repeat(100)], { endpoints: cluster.endpoints })).code).toBe(0);
  }
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Runs a command with this as its stdout; a number is a descriptor, "closed" a pipe that nobody reads. */
async function into(
  stdout: number | "closed",
  args: readonly string[],
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ["ignore", stdout === "closed" ? "pipe" : stdout, "pipe"],
    env: { ...process.env, QUORATE_ENDPOINTS: cluster.endpoints.join(",") },
  });
  child.stdout?.destroy();
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

const commands: readonly (readonly string[])[] = [
  ["get", "/out/a"],
  ["get", "/out/a", "-o", "json"],
  ["put", "/out/c", "1"],
  ["del", "/out/c"],
  ["ls", "/out"],
  ["tree", "/out"],
  ["export", "/out"],
  ["history", "/out/a"],
  ["watch", "/out", "-r", "--initial"],
  ["status"],
  ["stat"],
  ["member", "list"],
  ["lease", "grant", "1m"],
  ["lease", "ls"],
  ["lock", "/locks/out"],
  ["elect", "/leader/out", "me"],
  ["--help"],
  ["completion"],
];

describe.runIf(existsSync("/dev/full"))("a full device as stdout", () => {
  it.each(commands.map((args) => [args.join(" "), args] as const))(
    "makes %s exit 6 and say why",
    async (_, args) => {
      const full = openSync("/dev/full", "w");
      try {
        const { code, stderr } = await into(full, args);
        expect(stderr).toMatch(/^quorate: stdout cannot be written: [^\n]*no space left on device[^\n]*\n$/);
        expect(code).toBe(6);
      } finally {
        closeSync(full);
      }
    },
  );
});

describe("a closed pipe as stdout", () => {
  it.each(commands.map((args) => [args.join(" "), args] as const))(
    "makes %s exit 141, as SIGPIPE does to others, without a word",
    async (_, args) => {
      expect(await into("closed", args)).toEqual({ code: 141, stderr: "" });
    },
  );

  it("frees the lock whose token nobody was told", async () => {
    expect((await into("closed", ["lock", "/locks/untold", "--ttl", "10m"])).code).toBe(141);
    const next = await cli(["lock", "/locks/untold", "--wait", "20s", "--", "true"], cluster);
    expect(next.code).toBe(0);
  });
});

describe("a watch that counts", () => {
  it("exits 0 after that many events, and by the signal when it was stopped before", async () => {
    const counted = await cli(["watch", "/out", "-r", "--initial", "--count", "2"], cluster);
    expect(counted.code).toBe(0);
    expect(counted.stdout.trimEnd().split("\n")).toHaveLength(2);
    await using stopped = new CliProcess(["watch", "/out", "-r", "--initial", "--count", "1000"], cluster);
    await stopped.prints(/\/out\/b/);
    stopped.signal("SIGINT");
    const { code, stderr } = await stopped.end();
    expect(code).toBe(130);
    expect(stderr).toMatch(/^quorate: SIGINT came before event \d+ of 1000\n$/);
    await using endless = new CliProcess(["watch", "/out", "-r", "--initial"], cluster);
    await endless.prints(/\/out\/b/);
    endless.signal("SIGTERM");
    expect(await endless.end()).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("keeping a lease alive", () => {
  it("exits by the signal when it was stopped before the first time, else 0", async () => {
    const nowhere = { endpoints: ["127.0.0.1:1"] };
    await using early = new CliProcess(["lease", "keep-alive", "1", "--timeout", "60s"], nowhere);
    // It listens once it has started; until then a signal ends it by itself, which is no success either.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    early.signal("SIGTERM");
    expect((await early.end()).code).toBe(143);

    const granted = await cli(["lease", "grant", "1m", "-o", "json"], cluster);
    const { id } = JSON.parse(granted.stdout) as { id: number };
    await using kept = new CliProcess(["lease", "keep-alive", String(id)], cluster);
    await eventually(() => /again/.test(kept.stdout), "it to be kept alive");
    kept.signal("SIGINT");
    expect(await kept.end()).toMatchObject({ code: 0, stderr: "" });
  });
});
