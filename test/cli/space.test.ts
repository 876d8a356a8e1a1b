import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";
import { type CliEnd, cli } from "./cli-run.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function quorate(...args: readonly string[]): Promise<CliEnd> {
  return await cli(args, { endpoints: cluster.endpoints });
}

it("sets, shows, enforces and removes quotas, and counts subtrees", async () => {
  await eventually(
    async () => (await quorate("quota", "set", "/t", "--keys", "1", "--bytes", "100")).code === 0,
    "all members to be known",
  );
  expect((await quorate("put", "/t/a", "12345")).code).toBe(0);
  const refused = await quorate("put", "/t/b", "x");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("the quota of /t is 1 keys; it holds 1, and this would add 1");
  expect((await quorate("quota", "ls")).stdout).toBe(
    "PATH  KEYS  OF  BYTES   OF\n/t       1   1      9  100\n",
  );
  expect(JSON.parse((await quorate("quota", "get", "/t", "--output", "json")).stdout)).toEqual({
    quota: { path: "/t", keysMax: 1, bytesMax: 100, keys: 1, bytes: 9 },
  });
  expect((await quorate("stat", "/t")).stdout).toMatch(/keys {6}1 of 1\nbytes {5}9 of 100\n$/);
  expect((await quorate("stat")).stdout).toMatch(/space {5}\d+ of 2147483648, history included\n$/);
  expect((await quorate("quota", "rm", "/t")).code).toBe(0);
  expect((await quorate("quota", "get", "/t")).code).toBe(1);
  expect((await quorate("put", "/t/b", "x")).code).toBe(0);
  expect((await quorate("quota", "set", "/t")).code).toBe(2);
  expect((await quorate("quota", "set", "/t/", "--keys", "1")).code).toBe(2);
});

it("prints the history of a key", async () => {
  await quorate("put", "/h", "one");
  await quorate("put", "/h", "two");
  await quorate("del", "/h");
  const lines = (await quorate("history", "/h")).stdout.split("\n");
  expect(lines.map((line) => line.replace(/^\d+/, "N"))).toEqual([
    "N\tput\tone",
    "N\tput\ttwo",
    "N\tdelete",
    "",
  ]);
  const second = lines[1]?.split("\t")[0] ?? "";
  const json = (await quorate("history", "/h", "--from", second, "--limit", "1", "--output", "json")).stdout;
  expect(JSON.parse(json)).toMatchObject({
    kind: "put",
    revision: Number(second),
    key: "/h",
    value: "two",
    version: 2,
  });
  expect(await quorate("history", "/none")).toMatchObject({ code: 1, stdout: "" });
  expect((await quorate("history", "/h", "--to", "1000000")).stderr).toContain("has not happened yet");
});
