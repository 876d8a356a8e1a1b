import { createServer, type Server, type Socket } from "node:net";
import { ErrorCode } from "@quorate/proto";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../client/connect.js";
import { breakerOptions, type ConnectOptions } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { EndpointPool } from "../endpoints/endpoint-pool.js";
import { HistoryBinding } from "../endpoints/history-binding.js";
import { HistoryChanged } from "../errors/quorate-error.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import { KeepAlives } from "./keep-alives.js";
import { keepLeaseAlive } from "./lease-calls.js";
import { LeaseKeeper } from "./lease-keeper.js";

const nodes: FakeNode[] = [];
const clients: Quorate[] = [];
const ends: (() => void)[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes.splice(0)) node.stop();
  for (const end of ends.splice(0)) end();
});

async function startNode(store?: FakeStore): Promise<FakeNode> {
  const node = await new FakeNode(store).start();
  nodes.push(node);
  return node;
}

async function open(endpoints: string | string[], options: ConnectOptions = {}): Promise<Quorate> {
  const client = await connect(endpoints, options);
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A machine that takes connections and never answers on one of them. */
async function silent(): Promise<{ endpoint: string; connections: () => number }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { endpoint: `127.0.0.1:${address.port}`, connections: () => sockets.length };
}

function keepAlives(endpoints: string[], preferred?: string, history?: string): KeepAlives {
  const pool = new EndpointPool(endpoints, breakerOptions, () => 0, true, new HistoryBinding(history));
  const made = new KeepAlives(pool, { baseMs: 5, maxMs: 20 }, () => preferred);
  ends.push(() => made.close());
  return made;
}

const isKeepAlive = (name: string | undefined): boolean => name === "keepAlive";

describe("a keepalive", () => {
  it("goes by another node while the preferred one is silent, which then comes last", async () => {
    const store = new FakeStore();
    const [hung, other] = [await startNode(store), await startNode(store)];
    hung.onOperation = ({ operation }) => ({ kind: isKeepAlive(operation.case) ? "ignore" : "serve" });
    const id = Number(store.createSession(9_000n));
    const sent = keepAlives([hung.endpoint, other.endpoint], hung.endpoint);
    const startedAtMs = performance.now();
    const renewal = await sent.renew(id, { timeoutMs: 60_000, patienceMs: 500 });
    expect(renewal.ttlMs).toBe(9_000);
    // Of the call that was answered: it counts from there, and not before.
    expect(renewal.sentAtMs - startedAtMs).toBeGreaterThan(450);
    expect(hung.keepAlives).toHaveLength(1);
    expect(sent.silentMs(hung.endpoint)).toBeGreaterThan(450);
    expect(sent.silentMs(other.endpoint)).toBe(0);
    await sent.renew(id, { timeoutMs: 60_000, patienceMs: 500 });
    expect(hung.keepAlives).toHaveLength(1);
    expect(other.keepAlives).toHaveLength(2);
  });

  it("finds the one node that answers among those that hang, refuse or are not there", async () => {
    const store = new FakeStore();
    const [refusing, serving, gone] = [
      await startNode(store),
      await startNode(store),
      await startNode(store),
    ];
    refusing.onOperation = () => ({ kind: "answer", code: ErrorCode.NO_QUORUM });
    gone.stop();
    const id = Number(store.createSession(9_000n));
    const [first, second] = [await silent(), await silent()];
    const sent = keepAlives([first, gone, refusing, second, serving].map(({ endpoint }) => endpoint));
    await sent.renew(id, { timeoutMs: 60_000, patienceMs: 100 });
    expect(serving.keepAlives).toHaveLength(1);
  });

  it("dials a node that hangs once in two patiences, and gives up in time", async () => {
    const hung = await silent();
    const sent = keepAlives([hung.endpoint]);
    await expect(sent.renew(7, { timeoutMs: 1_000, patienceMs: 100 })).rejects.toMatchObject({
      code: expect.stringMatching(/DEADLINE_EXCEEDED|UNAVAILABLE/),
    });
    expect(hung.connections()).toBeGreaterThan(1);
    expect(hung.connections()).toBeLessThanOrEqual(6);
  });

  it("is answered on a new connection when the first one is dead", async () => {
    const store = new FakeStore();
    const node = await startNode(store);
    node.onOperation = () => ({ kind: node.keepAlives.length < 3 ? "ignore" : "serve" });
    const id = Number(store.createSession(9_000n));
    const sent = keepAlives([node.endpoint]);
    expect((await sent.renew(id, { timeoutMs: 60_000, patienceMs: 100 })).ttlMs).toBe(9_000);
  });

  it("says that the lease is gone, and stops when it is aborted", async () => {
    const node = await startNode();
    const sent = keepAlives([node.endpoint]);
    expect((await sent.renew(5, { timeoutMs: 60_000, patienceMs: 60_000 })).ttlMs).toBe(0);
    node.onOperation = () => ({ kind: "ignore" });
    const abort = new AbortController();
    const aborted = sent.renew(5, { timeoutMs: 60_000, patienceMs: 60_000, signal: abort.signal });
    await until(() => node.keepAlives.length > 1);
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a keepalive of a lease of one history", () => {
  const [a, b] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];
  const patiently = { timeoutMs: 60_000, patienceMs: 60_000 };

  /** A node of a history, where the first lease lives for as long as given; `""` for one that knows of no histories. */
  async function nodeOf(history: string, ttlMs: bigint): Promise<{ node: FakeNode; id: number }> {
    const store = new FakeStore();
    const node = await startNode(store);
    node.historyId = history;
    return { node, id: Number(store.createSession(ttlMs)) };
  }

  it("renews nothing at a node of another one, and goes by the next", async () => {
    const [stranger, own] = [await nodeOf(b, 1_000n), await nodeOf(a, 9_000n)];
    expect(stranger.id).toBe(own.id);
    const { endpoint } = stranger.node;
    const sent = keepAlives([endpoint, own.node.endpoint], endpoint, a);
    expect((await sent.renew(own.id, patiently)).ttlMs).toBe(9_000);
    expect([stranger.node.keepAlives.length, own.node.keepAlives.length]).toEqual([0, 1]);
  });

  it("takes no answer of a node that knows of no histories", async () => {
    const [unknowing, own] = [await nodeOf("", 1_000n), await nodeOf(a, 9_000n)];
    const { endpoint } = unknowing.node;
    const sent = keepAlives([endpoint, own.node.endpoint], endpoint, a);
    expect((await sent.renew(own.id, patiently)).ttlMs).toBe(9_000);
    expect(unknowing.node.keepAlives).toHaveLength(1);
  });

  it("binds a client that knew none to the history that answers it", async () => {
    const own = await nodeOf(a, 9_000n);
    const sent = keepAlives([own.node.endpoint]);
    await sent.renew(own.id, patiently);
    own.node.historyId = b;
    await expect(keepLeaseAlive(sent, own.id, patiently)).rejects.toBeInstanceOf(HistoryChanged);
    expect(own.node.keepAlives).toHaveLength(1);
  });

  it("ends its lease, and says why, where all nodes are of another one", async () => {
    const strangers = [await nodeOf(b, 9_000n), await nodeOf(b, 9_000n), await nodeOf("", 9_000n)];
    const sent = keepAlives(
      strangers.map(({ node }) => node.endpoint),
      undefined,
      a,
    );
    const changed = await new Promise<HistoryChanged | undefined>((onGone) => {
      const keeper = new LeaseKeeper({
        ...{ renewer: sent, leaseId: 1, ttlMs: 60_000, sentAtMs: performance.now() },
        ...{ onGone, onLapse: () => undefined },
      });
      ends.push(() => keeper.stop());
      keeper.renew();
    });
    expect(changed).toBeInstanceOf(HistoryChanged);
  });

  it("goes on where a node was not reached that may be of its own, and says at the end what answered", async () => {
    const [stranger, down] = [await nodeOf(b, 9_000n), await nodeOf(a, 9_000n)];
    down.node.stop();
    const sent = keepAlives([stranger.node.endpoint, down.node.endpoint], undefined, a);
    const trouble = await new Promise((onLapse) => {
      const keeper = new LeaseKeeper({
        ...{ renewer: sent, leaseId: 1, ttlMs: 600, sentAtMs: performance.now(), onLapse },
        onGone: () => onLapse("gone"),
      });
      ends.push(() => keeper.stop());
    });
    expect(trouble).toBeInstanceOf(HistoryChanged);
    const short = { timeoutMs: 300, patienceMs: 50 };
    await expect(sent.renew(1, short)).rejects.toBeInstanceOf(HistoryChanged);
  });
});

describe("a session", () => {
  it("lives though its stream carries nothing any more, and no operation is before a keepalive", async () => {
    const node = await startNode();
    // Whatever comes by the stream is lost in it.
    node.onOperation = ({ operation }) => ({ kind: isKeepAlive(operation.case) ? "serve" : "ignore" });
    const client = await open(node.endpoint, { sessionTtlMs: 4_000 });
    const waiting = Promise.allSettled(
      Array.from({ length: 300 }, () => client.put("/a", new Uint8Array(10_000), { timeoutMs: 60_000 })),
    );
    await until(() => node.keepAlives.length >= 4);
    expect(client.sessionSignal.aborted).toBe(false);
    expect(node.operations.some(({ operation }) => isKeepAlive(operation.case))).toBe(false);
    await client.close();
    await waiting;
  });

  it("leaves a node that hangs for another, long before its connection is known to be dead", async () => {
    const store = new FakeStore();
    const [hung, other] = [await startNode(store), await startNode(store)];
    const client = await open([hung.endpoint, other.endpoint], { sessionTtlMs: 1_500, followLeader: false });
    const at = hung.sessionStreams === 1 ? hung : other;
    at.onOperation = () => ({ kind: "ignore" });
    at.refuseHello = ErrorCode.UNAVAILABLE;
    const before = client.sessionId;
    await client.put("/a", "1", { timeoutMs: 60_000 });
    expect(client.sessionId).toBe(before);
    expect((at === hung ? other : hung).sessionStreams).toBe(1);
    expect(client.sessionSignal.aborted).toBe(false);
  });

  it("is over at the first answer that says so", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { sessionTtlMs: 60_000 });
    node.store.endLease(BigInt(client.sessionId));
    await expect(client.put("/a", "1")).rejects.toMatchObject({ code: "SESSION_EXPIRED" });
    expect(client.state).toBe("expired");
    expect(client.sessionSignal.aborted).toBe(true);
  });
});
