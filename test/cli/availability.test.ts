import { expect, it } from "vitest";
import { startQuietCluster } from "../bad-input/unchanged.js";
import { cli } from "./cli-run.js";

interface StatusJson {
  readonly nodes: readonly {
    readonly name: string | null;
    readonly endpoint: string;
    readonly role: string;
  }[];
}

it("goes on without a majority where it can, and says so where it cannot", async () => {
  await using cluster = await startQuietCluster();
  const { endpoints } = cluster;
  await cli(["put", "/app/db", "v1"], { endpoints });
  await cluster.waitForAgreement();

  const whole: StatusJson = JSON.parse((await cli(["status", "--output", "json"], { endpoints })).stdout);
  const line = {
    term: expect.any(Number),
    revision: expect.any(Number),
    appliedIndex: expect.any(Number),
    role: expect.stringMatching(/^(?:leader|follower)$/),
    history: expect.stringMatching(/^[0-9a-f]{16}$/),
  };
  expect(whole).toEqual({
    nodes: endpoints.map((endpoint, i) => ({ name: `n${i + 1}`, endpoint, ...line })),
    strangers: [],
  });
  expect(whole.nodes.filter(({ role }) => role === "leader")).toHaveLength(1);
  const table = await cli(["status"], { endpoints: endpoints.slice(0, 1) });
  // Asked at one node, it finds the others by itself.
  for (const endpoint of endpoints) expect(table.stdout).toContain(endpoint);

  await cluster.kill(1);
  const fewer: StatusJson = JSON.parse((await cli(["status", "--output", "json"], { endpoints })).stdout);
  expect(fewer.nodes[1]).toEqual({
    name: "n2",
    endpoint: endpoints[1],
    role: "unreachable",
    term: null,
    revision: null,
    appliedIndex: null,
    history: null,
  });
  await cluster.kill(2);

  const stale = await cli(["get", "/app/db", "--consistency", "serializable"], { endpoints });
  expect(stale).toEqual({ code: 0, stdout: "v1\n", stderr: "" });
  const fresh = await cli(["get", "/app/db", "--timeout", "2s"], { endpoints });
  expect(fresh).toMatchObject({ code: 3, stdout: "" });
  expect(fresh.stderr).toMatch(/^quorate: .*quorum.*\n$/);
  const write = await cli(["put", "/app/db", "v2", "--timeout", "2s"], { endpoints });
  expect(write).toMatchObject({ code: 3, stdout: "" });
  const status = await cli(["status"], { endpoints });
  expect(status.code).toBe(3);
  expect(status.stderr).toMatch(/no node leads, so there is no quorum: 1 of 3 nodes/);

  cluster.launch(1);
  await cluster.waitForLeader();
  // What was refused did not happen.
  expect((await cli(["get", "/app/db"], { endpoints })).stdout).toBe("v1\n");
});

it("exits 3 with a clear message when there is no cluster at all", async () => {
  const commands = [
    ["get", "/x"],
    ["put", "/x", "1"],
    ["get", "/x", "--consistency", "serializable"],
    ["lock", "/x", "--", "true"],
    ["status"],
  ];
  // Nothing listens on the ports below 7.
  const run = (args: readonly string[]) => cli([...args, "--timeout", "1s"], { endpoints: ["127.0.0.1:1"] });
  const ends = await Promise.all(commands.map(async (args) => ({ args, ...(await run(args)) })));
  for (const { args, code, stdout, stderr } of ends) {
    expect({ args, code }).toEqual({ args, code: 3 });
    expect(stderr).toMatch(/^quorate: [^\n]*check --endpoints[^\n]*\n$/);
    if (args[0] !== "status") expect(stdout).toBe("");
  }
});
