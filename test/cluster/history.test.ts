import { rmSync } from "node:fs";
import { HistoryChanged, type Quorate, type Watch, type WatchEvent } from "@quorate/sdk";
import { expect, it } from "vitest";
import { startQuietCluster } from "../bad-input/unchanged.js";
import { eventually, type LocalCluster } from "./local-cluster.js";

/** Every node loses its data; they are started again as they were, and form a cluster anew. */
async function loseEverything(cluster: LocalCluster): Promise<void> {
  for (let i = 0; i < cluster.size; i++) await cluster.kill(i);
  for (let i = 0; i < cluster.size; i++) rmSync(cluster.node(i).dataDir, { recursive: true });
  for (let i = 0; i < cluster.size; i++) cluster.launch(i);
  await cluster.waitForLeader();
}

/** What a watch delivered, and how it ended. */
class Watched {
  readonly events: WatchEvent[] = [];
  error: unknown;

  constructor(watch: Watch) {
    void this.follow(watch);
  }

  private async follow(watch: Watch): Promise<void> {
    try {
      for await (const event of watch) this.events.push(event);
    } catch (error) {
      this.error = error;
    }
  }
}

async function historyOf(client: Quorate): Promise<string> {
  await eventually(async () => {
    await client.get("/x");
    return client.historyId !== undefined;
  }, "the history to have an id");
  return client.historyId ?? "";
}

it("goes on with nothing of a cluster that lost its data, and says so", async () => {
  await using cluster = await startQuietCluster();
  await using plain = await cluster.connect({ session: false, requestTimeoutMs: 20_000 });
  await using session = await cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 60_000 });
  for (let i = 0; i < 20; i++) await plain.put(`/a/${i}`, "old");
  const history = await historyOf(plain);
  expect(session.historyId).toBe(history);
  const options = { recursive: true, unservedTimeoutMs: Number.POSITIVE_INFINITY };
  const watches = (["fail", "relist"] as const).map(
    (onCompacted) => new Watched(plain.watch("/a", { ...options, onCompacted })),
  );
  // From when each is there, which its first event tells.
  await eventually(async () => {
    await plain.put("/a/mark", "old");
    return watches.every(({ events }) => events.length > 0);
  }, "the watches");
  const { revision } = await session.put("/a/last", "old");
  const outcome = { sessionId: session.sessionId, sequence: 1, history };

  await loseEverything(cluster);
  await using anew = await cluster.connect({ session: false, requestTimeoutMs: 20_000 });
  const another = await historyOf(anew);
  expect(another).not.toBe(history);
  for (let i = 0; i < 30; i++) await anew.put(`/a/${i}`, "new");

  await eventually(() => watches.every(({ error }) => error !== undefined), "the end of the watches", 60_000);
  for (const { error, events } of watches) {
    expect(error).toBeInstanceOf(HistoryChanged);
    expect(events.filter(({ entry }) => entry?.text() !== "old")).toEqual([]);
  }
  const stale = { consistency: "serializable", minRevision: revision, history } as const;
  await expect(plain.get("/a/1")).rejects.toBeInstanceOf(HistoryChanged);
  await expect(anew.get("/a/1", stale)).rejects.toBeInstanceOf(HistoryChanged);
  await expect(anew.outcome(outcome)).rejects.toBeInstanceOf(HistoryChanged);
  await expect(anew.history("/a/1", { fromRevision: 1, history }).next()).rejects.toBeInstanceOf(
    HistoryChanged,
  );
  await expect(anew.watch("/a", { fromRevision: 1, history }).next()).rejects.toBeInstanceOf(HistoryChanged);
  await expect(session.put("/a/1", "old")).rejects.toBeInstanceOf(HistoryChanged);
  expect(session.state).toBe("expired");
  expect((await anew.get("/a/1"))?.text()).toBe("new");
  for (const endpoint of cluster.endpoints) {
    expect((await anew.status(endpoint)).historyId).toBe(another);
  }
});

it("has one history through restarts and changes of leader", async () => {
  await using cluster = await startQuietCluster();
  await using client = await cluster.connect({ session: false, requestTimeoutMs: 20_000 });
  await client.put("/a", "1");
  const history = await historyOf(client);
  for (let i = 0; i < cluster.size; i++) {
    await cluster.kill(i);
    cluster.launch(i);
    await cluster.waitForLeader();
  }
  await cluster.waitForAgreement();
  for (const endpoint of cluster.endpoints) expect((await client.status(endpoint)).historyId).toBe(history);
  expect((await client.get("/a", { history }))?.text()).toBe("1");
});
