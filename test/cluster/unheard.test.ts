import { ErrorCode } from "@quorate/proto";
import { NoQuorum } from "@quorate/sdk";
import { expect, it } from "vitest";
import { BareWatch } from "./bare-watch.js";
import { eventually, LocalCluster } from "./local-cluster.js";
import { Observer } from "./observer.js";

async function readiness(cluster: LocalCluster, index: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${cluster.node(index).httpPort}/readyz`);
  return `${answer.status} ${await answer.text()}`;
}

/** A watch of a client that knows all nodes, which happens to be served by that node. */
async function observerAt(cluster: LocalCluster, index: number, path: string): Promise<Observer> {
  for (;;) {
    const others = (await cluster.status(index))?.watchCount ?? 0;
    const observer = new Observer(await cluster.connect({ session: false, followLeader: false }), path, {
      initial: true,
    });
    await eventually(() => observer.revision > 0, "the first event");
    if (((await cluster.status(index))?.watchCount ?? 0) > others) return observer;
    await observer[Symbol.asyncDispose]();
  }
}

it.each(["cut", "freeze"] as const)(
  "a follower whose own connection to the leader is gone (%s) knows that it is not heard: no watch or waiter is left behind",
  async (how) => {
    await using cluster = await LocalCluster.start({ proxied: true });
    const leader = await cluster.waitForLeader();
    const follower = (leader + 1) % cluster.size;
    await using atLeader = await cluster.connectTo(leader, { sessionTtlMs: 60_000 });
    await using pinned = await cluster.connectTo(follower, { session: false });
    await atLeader.put("/w", "0");
    await eventually(async () => (await readiness(cluster, follower)).startsWith("200"), "the follower");
    await using observer = await observerAt(cluster, follower, "/w");
    using bare = new BareWatch(cluster.endpoints[follower] ?? "", "/w");
    await eventually(() => bare.replies.length > 0, "the watch on the wire");
    const held = await atLeader.lock("/lock");
    await using waiter = await cluster.connect({ sessionTtlMs: 30_000, followLeader: false });
    const waiting = waiter.lock("/lock", { timeoutMs: 60_000 });
    await eventually(async () => (await atLeader.list("/lock")).nodes.length === 2, "the waiter");
    const term = (await cluster.status(leader))?.term;

    cluster.proxy(follower, leader)[how]();
    await eventually(() => bare.endedWith !== undefined, "the watch to end");
    expect(bare.endedWith).toBe(ErrorCode.NO_QUORUM);
    const status = await cluster.status(follower);
    expect(status).toMatchObject({ role: "follower", unheard: true, watchCount: 0, term });
    expect(await readiness(cluster, follower)).toMatch(/^503 .*the leader does not hear this node/);
    using late = new BareWatch(cluster.endpoints[follower] ?? "", "/w");
    await eventually(() => late.endedWith !== undefined, "a watch to be refused");
    expect(late.endedWith).toBe(ErrorCode.NO_QUORUM);
    await expect(pinned.get("/w", { timeoutMs: 1_500 })).rejects.toBeInstanceOf(NoQuorum);

    const { revision } = await atLeader.put("/w", "1");
    await eventually(() => observer.revision >= revision, "the watch to go on by way of another node");
    await held.release();
    const lock = await waiting;
    await lock.release();
    // Nobody was disturbed by elections.
    expect((await cluster.status(leader))?.term).toBe(term);

    cluster.proxy(follower, leader).open();
    await eventually(
      async () => (await readiness(cluster, follower)).startsWith("200"),
      "the follower to be heard",
    );
    expect(await cluster.status(follower)).toMatchObject({ unheard: false });
    await pinned.put("/w", "2");
    await cluster.waitForAgreement();
  },
  90_000,
);

it("a leader that nobody hears steps down, and another one leads", async () => {
  await using cluster = await LocalCluster.start({ proxied: true });
  const leader = await cluster.waitForLeader();
  const others = [0, 1, 2].filter((i) => i !== leader);
  await using client = await cluster.connect({ requestTimeoutMs: 20_000 });
  await client.put("/w", "0");
  for (const other of others) cluster.proxy(leader, other).freeze();
  const next = await cluster.waitForLeader(leader);
  expect(others).toContain(next);
  await client.put("/w", "1");
  await eventually(
    async () => (await cluster.status(leader))?.role !== "leader",
    "the old leader to step down",
  );
  for (const other of others) cluster.proxy(leader, other).open();
  await cluster.waitForAgreement();
}, 60_000);
