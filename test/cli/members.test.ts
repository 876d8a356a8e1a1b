import { afterAll, beforeAll, expect, it } from "vitest";
import { LocalCluster } from "../cluster/local-cluster.js";
import { cli } from "./cli-run.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 1 });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const member = (...args: string[]) => cli(["member", ...args], { endpoints: cluster.endpoints });

it("adds a member, says how to start it, lists it, and removes it", async () => {
  const added = await member("add", "n2", "10.0.0.2:7401");
  expect(added.code).toBe(0);
  expect(added.stdout).toContain(`quorate server --name n2 --join ${cluster.endpoints[0]}`);
  expect(added.stdout).toContain("--peer-listen 10.0.0.2:7401 --client-listen 10.0.0.2:7400");
  expect(added.stdout).toContain("quorate member promote n2");

  const list = await member("list");
  expect(list.stdout).toMatch(
    /^NAME +ID +ROLE +PEER ADDRESS +CLIENT ENDPOINT +FORMAT\nn1 .* leader .*\nn2 .* learner /,
  );
  const { members } = JSON.parse((await member("list", "--output", "json")).stdout);
  expect(members).toMatchObject([
    { name: "n1", role: "leader" },
    { name: "n2", role: "learner", peerAddress: "10.0.0.2:7401" },
  ]);

  const updated = await member("update", "n2", "--peer-address", "10.0.0.3:7401");
  expect(updated.stdout).toMatch(
    /^n2 \(\w{16}\) has the peer address 10\.0\.0\.3:7401\. Now restart its node there/,
  );
  const again = await member("update", "n2", "--peer-address", "10.0.0.3:7401", "--output", "json");
  expect(JSON.parse(again.stdout)).toMatchObject({ member: { name: "n2", peerAddress: "10.0.0.3:7401" } });

  expect((await member("remove", "n2")).stdout).toMatch(/^removed n2/);
});

it("says in one line why something is refused, and exits 1", async () => {
  const refusals: readonly (readonly [string[], RegExp])[] = [
    [["remove", "n1"], /"n1" is the last voter/],
    [["remove", "n9"], /no member "n9"/],
    [["promote", "n9"], /no member "n9"/],
    [["update", "n9", "--peer-address", "10.0.0.2:7401"], /no member "n9"/],
    [["lead"], /no other voter/],
  ];
  for (const [args, says] of refusals) {
    const { code, stderr } = await member(...args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
});

it("does not leave a cluster without failure tolerance by a slip: there is nobody to ask, so it wants --yes", async () => {
  await using three = await LocalCluster.start();
  const remove = (...args: string[]) => cli(["member", "remove", ...args], { endpoints: three.endpoints });
  const lost = ((await three.waitForLeader()) + 1) % three.size;
  const { name } = three.node(lost);
  const refused = await remove(name);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/none may fail.*add --yes/) });
  const ended = three.waitForEnd(lost);
  expect((await remove(name, "--yes")).stdout).toMatch(new RegExp(`^removed ${name}`));
  expect(await ended).toBe(0);
});

it("exits 2 for a name or address that is none", async () => {
  expect((await member("add", "a b", "10.0.0.2:7401")).code).toBe(2);
  expect((await member("add", "n2", "10.0.0.2")).code).toBe(2);
  expect((await member("update", "n1", "--peer-address", "10.0.0.2")).code).toBe(2);
  expect((await member("update", "n1")).code).toBe(2);
});
