import { readFileSync, rmSync } from "node:fs";
import { MembershipRefused, type Quorate } from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { Load } from "./load.js";
import { eventually, LocalCluster, sleep } from "./local-cluster.js";

const CLIENTS = 4;

async function underLoad(cluster: LocalCluster): Promise<Load> {
  const clients = Array.from({ length: CLIENTS }, () =>
    cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 30_000 }),
  );
  return new Load(await Promise.all(clients));
}

/** Adds a node, starts it, and gives it a vote when it has caught up. Returns its index. */
async function grow(cluster: LocalCluster, quorate: Quorate): Promise<number> {
  const index = await cluster.newNode();
  const { name } = cluster.node(index);
  const added = await quorate.addMember(name, cluster.peerAddress(index));
  expect(added).toMatchObject({ name, learner: true });
  cluster.launch(index);
  await promote(quorate, name);
  return index;
}

/** A learner is promoted as soon as it has caught up. */
async function promote(quorate: Quorate, name: string): Promise<void> {
  await eventually(async () => {
    try {
      return !(await quorate.promoteMember(name)).learner;
    } catch (error) {
      if (error instanceof MembershipRefused && /caught up/.test(error.message)) return false;
      throw error;
    }
  }, `${name} to be promoted`);
}

/** What a process wrote last may reach its log a moment after its end. */
async function said(cluster: LocalCluster, index: number, pattern: RegExp): Promise<void> {
  await eventually(() => pattern.test(cluster.log(index)), `the log to say ${pattern}`);
}

async function voters(quorate: Quorate): Promise<string[]> {
  return (await quorate.members()).filter(({ learner }) => !learner).map(({ name }) => name);
}

describe("a cluster under load", () => {
  it("grows from three to five, shrinks to three others, and forgets nothing that it acknowledged", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    await using load = await underLoad(cluster);
    await grow(cluster, quorate);
    const fifth = await grow(cluster, quorate);
    expect(await voters(quorate)).toEqual(["n1", "n2", "n3", "n4", "n5"]);

    // Among them, sooner or later, the leader: its node stops like any other's.
    for (const index of [0, 1]) {
      await quorate.removeMember(cluster.node(index).name);
      expect(await cluster.waitForEnd(index)).toBe(0);
    }
    expect(await voters(quorate)).toEqual(["n3", "n4", "n5"]);
    const before = load.count;
    await eventually(() => load.count > before + 50, "increments by the three others");
    await load.stopAndVerify();
    await cluster.waitForAgreement();

    // A node that joined starts again like any other, and needs nobody to tell it who it is.
    await cluster.kill(fifth);
    cluster.launch(fifth);
    await cluster.waitForAgreement();
    // One that was removed does not.
    cluster.launch(0);
    expect(await cluster.waitForEnd(0)).toBe(2);
    await said(cluster, 0, /belongs to a member that was removed/);
  });

  it("hands leadership over when it is asked to, and before a leader stops, without an election timeout", async () => {
    await using cluster = await LocalCluster.start({ flags: ["--election-timeout-ms", "5000"] });
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    await using load = await underLoad(cluster);
    for (let round = 0; round < 3; round++) {
      const from = await cluster.waitForLeader();
      const to = (from + 1) % cluster.size;
      const leader = await quorate.transferLeadership(cluster.node(to).name);
      expect(leader).toMatchObject({ name: cluster.node(to).name, leader: true });
      await eventually(async () => (await cluster.leader()) === to, "the new leader");
      await sleep(300);
    }
    const leader = await cluster.waitForLeader();
    expect(await cluster.shutDown(leader)).toBe(0);
    const next = await cluster.waitForLeader(leader, 3_000);
    expect(cluster.log(leader)).toMatch(/"tookOver":true/);
    expect(next).not.toBe(leader);
    await load.stopAndVerify();
    expect(load.slowestMs).toBeLessThan(5_000);
  });
});

describe("a node that was away", () => {
  it("finds its way back when all the others were replaced meanwhile", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    await cluster.waitForAgreement();
    await cluster.kill(2);
    await grow(cluster, quorate);
    await quorate.removeMember("n1");
    await cluster.waitForEnd(0);
    await grow(cluster, quorate);
    await quorate.removeMember("n2");
    await cluster.waitForEnd(1);
    expect(await voters(quorate)).toEqual(["n3", "n4", "n5"]);
    await quorate.put("/meanwhile", "1");

    // It knows none of those that lead now: they call it, and say where they can be answered.
    cluster.launch(2);
    await cluster.waitForAgreement();
    await using local = await cluster.connectTo(2, { requestTimeoutMs: 20_000 });
    expect((await local.get("/meanwhile"))?.text()).toBe("1");
  });
});

describe("a node that lost its disk", () => {
  it("may not come back under its old id, and says what to do; a new member takes its place", async () => {
    await using cluster = await LocalCluster.start();
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    await using load = await underLoad(cluster);
    await eventually(() => load.count > 20, "some increments");
    const leader = await cluster.waitForLeader();
    const lost = (leader + 1) % cluster.size;
    const { name, dataDir } = cluster.node(lost);
    await cluster.kill(lost);
    rmSync(dataDir, { recursive: true });

    cluster.launch(lost);
    expect(await cluster.waitForEnd(lost)).toBe(2);
    await said(
      cluster,
      lost,
      /this node's data directory is new, but n\d knows this member with another one/,
    );
    await said(cluster, lost, /quorate member remove/);

    await quorate.removeMember(name);
    await grow(cluster, quorate);
    expect(await voters(quorate)).toEqual(["n1", "n2", "n3", "n4"].filter((other) => other !== name));
    await load.stopAndVerify();
    await cluster.waitForAgreement();
  });

  it("is refused as well when it had joined later", async () => {
    await using cluster = await LocalCluster.start({ nodes: 1 });
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    const index = await cluster.newNode();
    const { name, dataDir } = cluster.node(index);

    cluster.launch(index);
    expect(await cluster.waitForEnd(index)).toBe(2);
    await said(cluster, index, /there is no member "n2": add it first/);

    await quorate.addMember(name, cluster.peerAddress(index));
    cluster.launch(index);
    await eventually(async () => (await cluster.status(index))?.role === "learner", "the learner to join");
    await cluster.kill(index);
    rmSync(dataDir, { recursive: true });
    cluster.launch(index);
    expect(await cluster.waitForEnd(index)).toBe(2);
    await said(cluster, index, /has joined already, with another data directory/);
  });
});

describe("a learner", () => {
  it("serves reads, takes writes and counts for nothing; promoted, it counts", async () => {
    await using cluster = await LocalCluster.start({ nodes: 1 });
    await using quorate = await cluster.connect({ requestTimeoutMs: 20_000 });
    await quorate.put("/before", "1");
    const index = await cluster.newNode();
    const { name } = cluster.node(index);
    const address = cluster.peerAddress(index);
    const added = await quorate.addMember(name, address);
    // Asked again: it may be that the answer was lost.
    expect(await quorate.addMember(name, address)).toEqual(added);
    await expect(quorate.addMember(name, "127.0.0.1:1")).rejects.toThrow(MembershipRefused);
    await expect(quorate.promoteMember(name)).rejects.toThrow(MembershipRefused);
    await expect(quorate.transferLeadership(name)).rejects.toThrow(/learner|no member/);
    await expect(quorate.removeMember("n9")).rejects.toThrow(/no member "n9"/);
    await expect(quorate.removeMember("n1")).rejects.toThrow(/last voter/);

    cluster.launch(index);
    await eventually(async () => (await cluster.status(index))?.role === "learner", "the learner to join");
    await using local = await cluster.connectTo(index, { requestTimeoutMs: 20_000 });
    expect((await local.get("/before"))?.text()).toBe("1");
    await local.put("/through", "the learner");
    expect((await quorate.get("/through"))?.text()).toBe("the learner");
    // Asked of the learner, which passes it on.
    expect(await voters(local)).toEqual(["n1"]);

    // Without it the single voter goes on.
    await cluster.kill(index);
    await quorate.put("/alone", "1");
    cluster.launch(index);
    await cluster.waitForAgreement();
    await local.promoteMember(name);
    expect(await voters(quorate)).toEqual(["n1", "n2"]);
    await local.removeMember("n1");
    expect(await cluster.waitForEnd(0)).toBe(0);
    await using rest = await cluster.connectTo(index);
    expect(await voters(rest)).toEqual(["n2"]);
    expect((await rest.get("/alone"))?.text()).toBe("1");
  });
});

describe("a new cluster", () => {
  it("waits for all its members, and says for whom", async () => {
    await using cluster = await LocalCluster.start({ nodes: 2 });
    await cluster.kill(0);
    await cluster.kill(1);
    for (const i of [0, 1]) rmSync(cluster.node(i).dataDir, { recursive: true });
    cluster.launch(0);
    const readyz = `http://127.0.0.1:${cluster.node(0).httpPort}/readyz`;
    await eventually(async () => {
      const answer = await fetch(readyz).catch(() => undefined);
      return answer?.status === 503 && /waiting for n2/.test(await answer.text());
    }, "n1 to say for whom it waits");
    expect((await cluster.status(0))?.role).toBe("follower");
    cluster.launch(1);
    await cluster.waitForLeader();
    const identity = JSON.parse(readFileSync(`${cluster.node(0).dataDir}/identity.json`, "utf8"));
    expect(identity).toMatchObject({ name: "n1", standing: "formed" });
  });
});
