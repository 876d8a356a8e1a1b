import type { Operation } from "@quorate/proto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HistoryChanged, type MutationId, OutcomeUnknown } from "../errors/quorate-error.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import type { Watch, WatchEvent } from "../watch/watch-event.js";
import { connect } from "./connect.js";
import type { ConnectOptions, StateChange } from "./options.js";
import type { Quorate } from "./quorate.js";

const [a, b] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];

let nodes: FakeNode[];
const clients: Quorate[] = [];

beforeEach(async () => {
  const store = new FakeStore();
  nodes = await Promise.all([1, 2, 3].map(() => new FakeNode(store).start()));
  for (const node of nodes) node.historyId = a;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes) node.stop();
});

async function open(options: ConnectOptions = {}, served: readonly FakeNode[] = nodes): Promise<Quorate> {
  const client = await connect(
    served.map(({ endpoint }) => endpoint),
    options,
  );
  clients.push(client);
  return client;
}

/** All nodes lose their data and are formed anew, at the same endpoints. */
async function formAnew(history = b): Promise<void> {
  for (const node of nodes) node.stop();
  const store = new FakeStore();
  const anew = nodes.map((node) => {
    const other = new FakeNode(store);
    other.port = node.port;
    other.historyId = history;
    return other;
  });
  nodes = await Promise.all(anew.map((node) => node.start()));
}

function only(): FakeNode {
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  return node;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const isPut = ({ operation }: Operation): boolean => operation.case === "put";

describe("a client without a session", () => {
  it("goes on in the history of its first answer, and does nothing in another", async () => {
    const client = await open({ session: false });
    expect(client.historyId).toBeUndefined();
    await client.put("/a", "1");
    expect(client.historyId).toBe(a);
    await formAnew();
    const read = { consistency: "serializable", minRevision: 1 } as const;
    await expect(client.get("/a", read)).rejects.toBeInstanceOf(HistoryChanged);
    await expect(client.list("/", { after: "/a" })).rejects.toMatchObject({ code: "HISTORY_CHANGED" });
    await expect(client.put("/a", "2")).rejects.toMatchObject({ outcome: "did-not-happen" });
    expect(only().store.applied).toEqual([]);
    expect(client.historyId).toBe(a);
  });

  it("is served by the nodes of its history where one of another is among the endpoints", async () => {
    const client = await open({ session: false });
    await client.put("/a", "1");
    only().historyId = b;
    for (let i = 0; i < 6; i += 1) expect((await client.get("/a"))?.text()).toBe("1");
  });

  it("goes on from the history that it is given, or not at all", async () => {
    const same = await open({ session: false, history: a });
    expect(await same.get("/a")).toBeUndefined();
    const other = await open({ session: false, history: b });
    await expect(other.get("/a")).rejects.toBeInstanceOf(HistoryChanged);
    await expect(connect(only().endpoint, { history: "yesterday" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("reads as of a revision of the history that it names, or not at all", async () => {
    const first = await open({ session: false });
    await expect(first.get("/a", { revision: 1, history: b })).rejects.toBeInstanceOf(HistoryChanged);
    // What a call named and no node is of binds nobody.
    await first.put("/a", "1");
    expect((await first.get("/a", { history: a }))?.text()).toBe("1");
    await expect(first.get("/a", { history: b })).rejects.toBeInstanceOf(HistoryChanged);
  });

  it("takes no answer of nodes that tell none any more", async () => {
    const client = await open({ session: false });
    await client.put("/a", "1");
    await formAnew("");
    await expect(client.get("/a")).rejects.toBeInstanceOf(HistoryChanged);
    // They do not look at what is named, so that it may have happened there.
    await expect(client.put("/a", "2")).rejects.toBeInstanceOf(OutcomeUnknown);
  });

  it("still sees the status of a node of another history", async () => {
    const client = await open({ session: false });
    await client.put("/a", "1");
    only().historyId = b;
    expect((await client.status(only().endpoint)).historyId).toBe(b);
  });
});

describe("a session", () => {
  it("says that the history changed, not that the session expired", async () => {
    const states: StateChange[] = [];
    const client = await open({ onStateChange: (state) => states.push(state) });
    expect(client.historyId).toBe(a);
    for (const node of nodes) {
      node.onOperation = (operation) => ({ kind: isPut(operation) ? "ignore" : "serve" });
    }
    const sent = client.put("/a", "1").catch((error: unknown) => error);
    await until(() => nodes.some(({ operations }) => operations.some(isPut)));
    await formAnew();
    // Under its id another session lives there, which it must not take for its own.
    const { store } = only();
    while (!store.sessions.has(BigInt(client.sessionId))) store.createSession(10_000n);
    const unknown = await sent;
    if (!(unknown instanceof OutcomeUnknown)) throw unknown;
    expect(unknown.cause).toBeInstanceOf(HistoryChanged);
    const mutation = { sessionId: client.sessionId, sequence: expect.any(Number), history: a };
    expect(unknown.mutation).toEqual(mutation);
    expect(states).toEqual(["connected", "suspended", "expired"]);
    expect(client.sessionSignal.reason).toBeInstanceOf(HistoryChanged);
    await expect(client.put("/a", "2")).rejects.toBeInstanceOf(HistoryChanged);
    await expect(client.get("/a")).rejects.toBeInstanceOf(HistoryChanged);
    expect(store.applied).toEqual([]);
  });

  it("is resumed where one node of its history is left", async () => {
    const client = await open();
    const { sessionId } = client;
    for (const node of nodes.slice(1)) node.historyId = b;
    for (const node of nodes) node.breakSessions();
    await client.put("/a", "1");
    expect([client.sessionId, client.state]).toEqual([sessionId, "connected"]);
  });

  it("ends, once its TTL is over, where the nodes that are left are of another history", async () => {
    const client = await open({ sessionTtlMs: 300 });
    const [down, ...others] = nodes;
    down?.stop();
    for (const node of others) node.historyId = b;
    for (const node of others) node.breakSessions();
    await until(() => client.state === "expired");
    expect(client.sessionSignal.reason).toBeInstanceOf(HistoryChanged);
    await expect(client.get("/a")).rejects.toBeInstanceOf(HistoryChanged);
  });

  it("is not renewed in another history while its own node is silent, nor ended by what is said there", async () => {
    const client = await open({ sessionTtlMs: 1_500 });
    const own = nodes.find(({ sessionStreams }) => sessionStreams > 0);
    if (own === undefined) throw new Error("no node has the session");
    const strangers = nodes.filter((node) => node !== own);
    for (const node of strangers) node.historyId = b;
    const before = strangers.flatMap(({ keepAlives }) => keepAlives).length;
    own.onOperation = () => ({ kind: "ignore" });
    await until(() => client.sessionSignal.aborted);
    expect(strangers.flatMap(({ keepAlives }) => keepAlives)).toHaveLength(before);
    // That it may have expired is all that is known: its own node is there.
    expect(client.sessionSignal.reason).toMatchObject({
      message: expect.stringContaining("may have expired"),
    });
    own.onOperation = () => ({ kind: "serve" });
    await client.put("/a", "1");
    expect(client.state).toBe("connected");
  });

  it("takes its leases with it", async () => {
    const client = await open();
    const lease = await client.lease(3_000);
    await formAnew();
    await until(() => lease.signal.aborted);
    expect(lease.signal.reason).toBeInstanceOf(HistoryChanged);
    await expect(client.keepLeaseAlive(lease.id)).rejects.toBeInstanceOf(HistoryChanged);
    expect(nodes.flatMap(({ keepAlives }) => keepAlives)).toEqual([]);
  });

  it("is not opened where the history is not the one to go on from", async () => {
    await expect(open({ history: b })).rejects.toBeInstanceOf(HistoryChanged);
  });
});

describe("a watch", () => {
  /** Reads on until the watch ends, and returns the error. */
  async function endOf(watch: Watch, seen: WatchEvent[] = []): Promise<unknown> {
    try {
      for await (const event of watch) seen.push(event);
    } catch (error) {
      return error;
    }
    return undefined;
  }

  for (const onCompacted of ["fail", "relist"] as const) {
    it(`ends where the history changed, and gets nothing of the new one (${onCompacted})`, async () => {
      const client = await open({ session: false });
      await client.put("/a/1", "old");
      const seen: WatchEvent[] = [];
      const options = { recursive: true, onCompacted } as const;
      const ends = [1, 2, 3].map(() => endOf(client.watch("/a", options), seen));
      await until(() => nodes.some(({ watchCreates }) => watchCreates.length === 3));
      await client.put("/a/2", "old");
      await until(() => seen.length === 3);
      await formAnew();
      const other = await open({ session: false });
      for (let i = 0; i < 9; i += 1) await other.put(`/a/${i}`, "new");
      for (const end of await Promise.all(ends)) expect(end).toBeInstanceOf(HistoryChanged);
      expect(seen.map(({ path, entry }) => [path, entry?.text()])).toEqual(Array(3).fill(["/a/2", "old"]));
    });
  }

  it("goes on at the node of its history that is left", async () => {
    const client = await open({ session: false });
    await client.put("/a", "1");
    const watch = client.watch("/a", { fromRevision: 1 });
    expect((await watch.next()).value).toMatchObject({ revision: 1 });
    expect([watch.revision, watch.history]).toEqual([1, a]);
    for (const node of nodes.slice(1)) node.historyId = b;
    for (const node of nodes) node.breakWatches();
    await client.put("/a", "2");
    expect((await watch.next()).value).toMatchObject({ revision: 2 });
    await watch.return();
  });

  it("is not begun from a bookmark of another history, whatever else the client does", async () => {
    const client = await open({ session: false });
    // First where the client knows no history yet, then where it does.
    for (let i = 0; i < 2; i += 1) {
      const end = await endOf(client.watch("/a", { fromRevision: 1, history: b }));
      expect(end).toBeInstanceOf(HistoryChanged);
      await client.put("/a", "1");
    }
    const watch = client.watch("/a", { fromRevision: 1, history: a });
    expect((await watch.next()).value).toMatchObject({ revision: 1 });
    await watch.return();
  });
});

it("asks about no mutation of another history, under whose number another one may be kept", async () => {
  const first = await open({ requestTimeoutMs: 200 });
  for (const node of nodes) node.onOperation = () => ({ kind: "apply-silently" });
  const unknown = await first.put("/a", "1").catch((error: unknown) => error);
  if (!(unknown instanceof OutcomeUnknown) || unknown.mutation === undefined) throw unknown;
  const { mutation } = unknown;
  const kept: MutationId = JSON.parse(JSON.stringify(mutation));
  expect((await first.outcome(kept)).kind).toBe("applied");
  await formAnew();
  const other = await open();
  expect(other.historyId).toBe(b);
  await expect(other.outcome({ ...kept, sessionId: other.sessionId })).rejects.toBeInstanceOf(HistoryChanged);
  const unbound = await open({ session: false });
  await expect(unbound.outcome(kept)).rejects.toBeInstanceOf(HistoryChanged);
});
