import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalCluster } from "../cluster/local-cluster.js";
import { CliProcess, cli } from "./cli-run.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Runs a command that must succeed, and returns what it printed. */
async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args, { endpoints: cluster.endpoints });
  expect({ code, stderr }, args.join(" ")).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("lease", () => {
  it("grants, shows, keeps alive and revokes a lease, and its keys go with it", async () => {
    const id = (await output("lease", "grant", "60s")).trim();
    expect(id).toMatch(/^\d+$/);
    await output("put", "/leased/a", "1", "--lease", id);
    await output("put", "/leased/b", "1", "--lease", id);
    const lines = (await output("lease", "ls", "-o", "json")).trim().split("\n");
    const leases: unknown[] = lines.map((line) => JSON.parse(line));
    expect(leases).toContainEqual({ id: Number(id), ttlMs: 60_000, keyCount: 2, session: false });
    expect(await output("lease", "ls")).toMatch(new RegExp(`^ *${id} +60000ms +2 +lease$`, "m"));
    expect(await output("lease", "get", id, "--keys")).toMatch(
      new RegExp(`^lease ${id}: \\d+ms left of 60000ms, 2 keys\\n/leased/a\\n/leased/b\\n$`),
    );
    expect(await output("lease", "keep-alive", id, "--once")).toBe(`lease ${id} has 60000ms again\n`);
    await using keeping = new CliProcess(["lease", "keep-alive", id], { endpoints: cluster.endpoints });
    await keeping.prints(/again/);
    keeping.signal("SIGINT");
    expect(await keeping.end()).toMatchObject({ code: 0, stderr: "" });
    expect(await output("lease", "revoke", id)).toBe(`revoked lease ${id}\n`);
    for (const action of ["get", "revoke", "keep-alive"]) {
      const { code, stderr } = await cli(["lease", action, id], { endpoints: cluster.endpoints });
      expect([code, stderr]).toEqual([1, `quorate: lease ${id}: no such lease\n`]);
    }
    expect((await cli(["get", "/leased/a"], { endpoints: cluster.endpoints })).code).toBe(1);
  });
});

describe("a whole subtree", () => {
  it("is listed and exported key by key, as of one revision", async () => {
    await output("put", "/whole", "root");
    await output("put", "/whole/a", "1");
    const last = await output("put", "/whole/b/c", "2");
    const revision = /revision (\d+)/.exec(last)?.[1] ?? "";
    await output("put", "/whole/later", "3");
    expect(await output("ls", "-r", "/whole")).toBe("/whole\n/whole/a\n/whole/b/c\n/whole/later\n");
    expect(await output("ls", "-r", "/whole", "--long", "--limit", "4")).toMatch(
      /^\/whole\t1\t\d+\t\d+\t0\n/,
    );
    const exported = (await output("export", "/whole", "--revision", revision)).trim().split("\n");
    const entries: unknown[] = exported.map((line) => JSON.parse(line));
    expect(entries).toMatchObject([
      { key: "/whole", value: "root" },
      { key: "/whole/a", value: "1" },
      { key: "/whole/b/c", value: "2" },
    ]);
    expect((await cli(["ls", "-r", "/nothing"], { endpoints: cluster.endpoints })).code).toBe(1);
  });
});

describe("watch", () => {
  it("prints only the events asked for", async () => {
    await using watch = new CliProcess(
      ["watch", "/filtered", "--from-revision", "1", "--events", "delete", "--count", "1"],
      { endpoints: cluster.endpoints },
    );
    await output("put", "/filtered", "1");
    await output("del", "/filtered");
    const { code, stdout } = await watch.end();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\tDELETE\t\/filtered\n$/);
  });
});
