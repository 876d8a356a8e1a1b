import { NoQuorum, type Quorate } from "@quorate/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";

describe("three nodes", () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await LocalCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it("show through every node what was written through any", async () => {
    for (let writer = 0; writer < cluster.size; writer++) {
      await using quorate = await cluster.connectTo(writer);
      const { revision } = await quorate.put("/shared", `from ${writer}`);
      for (let reader = 0; reader < cluster.size; reader++) {
        await using other = await cluster.connectTo(reader);
        const entry = await other.get("/shared");
        expect(entry?.text()).toBe(`from ${writer}`);
        expect(entry?.modRevision).toBe(revision);
      }
    }
    await cluster.waitForAgreement();
  });

  it("accept writes again after the leader is killed, and take the killed node back", async () => {
    await using quorate = await cluster.connect({ requestTimeoutMs: 10_000 });
    const failoversMs: number[] = [];
    for (let kill = 0; kill < 5; kill++) {
      const leader = await cluster.waitForLeader();
      await quorate.put("/failover", `before ${kill}`);
      const killedAtMs = performance.now();
      await cluster.kill(leader);
      await quorate.put("/failover", `after ${kill}`);
      failoversMs.push(Math.round(performance.now() - killedAtMs));
      expect((await quorate.get("/failover"))?.text()).toBe(`after ${kill}`);
      expect(await cluster.waitForLeader()).not.toBe(leader);
      cluster.launch(leader);
      await cluster.waitForAgreement();
    }
    console.info(`from the leader's death to the next acknowledged write, ms: ${failoversMs.join(", ")}`);
    expect(failoversMs).toHaveLength(5);
    expect(Math.max(...failoversMs)).toBeLessThan(10_000);
  });

  it("lose nothing acknowledged when all are killed at once under load", async () => {
    const acknowledged = new Map<string, string>();
    let pending = 0;
    let stopped = false;
    const write = async (quorate: Quorate, lane: string): Promise<void> => {
      for (let i = 0; !stopped; i++) {
        const path = `/load/${lane}/${i}`;
        pending++;
        await quorate.put(path, `value of ${path}`);
        pending--;
        acknowledged.set(path, `value of ${path}`);
      }
    };
    const clients = await Promise.all(
      Array.from({ length: 4 }, () => cluster.connect({ requestTimeoutMs: 30_000, sessionTtlMs: 30_000 })),
    );
    const writers = clients.flatMap((quorate, client) =>
      Array.from({ length: 8 }, (_, lane) => write(quorate, `${client}-${lane}`)),
    );
    const load = Promise.all(writers);
    await eventually(() => acknowledged.size >= 1_000, "a thousand writes under way");

    await Promise.all(Array.from({ length: cluster.size }, (_, i) => cluster.kill(i)));
    const before = new Map(acknowledged);
    expect(pending).toBeGreaterThan(0);
    for (let i = 0; i < cluster.size; i++) cluster.launch(i);
    await eventually(() => acknowledged.size >= before.size + 200, "writes after the restart");
    stopped = true;
    await load;
    await Promise.all(clients.map((quorate) => quorate.close()));

    for (let node = 0; node < cluster.size; node++) {
      await using quorate = await cluster.connectTo(node);
      const found = await readAll(quorate, "/load");
      const missing = [...acknowledged].filter(([path, value]) => found.get(path) !== value);
      expect(missing).toEqual([]);
      expect(found.size).toBe(acknowledged.size);
    }
    console.info(
      `all nodes killed with ${before.size} writes acknowledged; ${acknowledged.size} in the end, none lost`,
    );
    await cluster.waitForAgreement();
  });
});

describe("five nodes", () => {
  it("serve without two of them, and without three say at once that there is no quorum", async () => {
    await using cluster = await LocalCluster.start({ nodes: 5 });
    const dead = [await cluster.killLeader()];
    dead.push(await cluster.killLeader());
    const survivors = [0, 1, 2, 3, 4].filter((i) => !dead.includes(i));
    for (const node of survivors) {
      await using quorate = await cluster.connectTo(node);
      await quorate.put("/five", `through ${node}`);
      expect((await quorate.get("/five"))?.text()).toBe(`through ${node}`);
    }
    await cluster.waitForAgreement();

    const third = await cluster.waitForLeader();
    const lastNode = survivors.find((i) => i !== third) ?? -1;
    await using quorate = await cluster.connectTo(lastNode, { sessionTtlMs: 60_000 });
    await cluster.kill(third);
    await eventually(async () => {
      const status = await cluster.status(lastNode);
      return status !== undefined && status.leaderId === undefined;
    }, "the survivors to notice");

    const startedAtMs = performance.now();
    const refused = await Promise.allSettled([
      quorate.get("/five", { timeoutMs: 2_000 }),
      quorate.put("/five", "lost", { timeoutMs: 2_000 }),
    ]);
    for (const call of refused) {
      const error = call.status === "rejected" ? call.reason : undefined;
      expect(error).toBeInstanceOf(NoQuorum);
      expect(String(error)).toMatch(/no quorum/);
    }
    expect(performance.now() - startedAtMs).toBeLessThan(4_000);

    await using local = await cluster.connectTo(lastNode, { session: false });
    const entry = await local.get("/five", { consistency: "serializable", timeoutMs: 2_000 });
    expect(entry?.text()).toBe(`through ${survivors[2]}`);

    for (const node of [...dead, third]) cluster.launch(node);
    await quorate.put("/five", "together again", { timeoutMs: 15_000 });
    expect((await local.get("/five"))?.text()).toBe("together again");
    await cluster.waitForAgreement();
  });
});

async function readAll(quorate: Quorate, path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let after: string | undefined; ; ) {
    const page = await quorate.list(path, { recursive: true, limit: 1_000, after });
    for (const node of page.nodes) {
      if (node.entry !== undefined) found.set(node.path, node.entry.text());
      after = node.path;
    }
    if (!page.more) return found;
  }
}
