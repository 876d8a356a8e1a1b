import { create } from "@bufbuild/protobuf";
import { DeleteRequestSchema, ErrorCode, PutRequestSchema } from "@quorate/proto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connect } from "../client/connect.js";
import { bounds, type ConnectOptions } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import type { Lock } from "./lock.js";

const nodes: FakeNode[] = [];
const clients: Quorate[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes.splice(0)) node.stop();
});

async function startNode(): Promise<FakeNode> {
  const node = await new FakeNode(new FakeStore()).start();
  nodes.push(node);
  return node;
}

async function open(node: FakeNode, options: ConnectOptions = {}): Promise<Quorate> {
  const client = await connect(node.endpoint, options);
  clients.push(client);
  return client;
}

const queue = (node: FakeNode): string[] =>
  [...node.store.entries.keys()].filter((path) => path.startsWith("/l/"));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Releases a lock whose delete reaches the node, which does not answer it. In an object, since a promise would be awaited. */
async function releaseUnanswered(node: FakeNode, lock: Lock): Promise<{ promise: Promise<void> }> {
  let deletes = 0;
  node.onOperation = (operation) => {
    if (operation.operation.case !== "delete") return { kind: "serve" };
    deletes += 1;
    return { kind: "ignore" };
  };
  const promise = lock.release();
  await until(() => deletes > 0);
  return { promise };
}

/** Deletes an entry and puts another there, while watches are away for longer than history goes back. */
function replaceUnseen(node: FakeNode, path: string): void {
  node.endWatches(ErrorCode.COMPACTED);
  node.store.apply({ case: "delete", value: create(DeleteRequestSchema, { path }) });
  node.store.apply({ case: "put", value: create(PutRequestSchema, { path }) });
}

describe("a lock", () => {
  it("is granted in the order of the requests, with rising tokens", async () => {
    const node = await startNode();
    const owner = await open(node);
    const waiters = await Promise.all(Array.from({ length: 4 }, () => open(node)));
    const first = await owner.lock("/l");
    const order: number[] = [];
    const tokens = [first.token];
    const waiting: Promise<void>[] = [];
    for (const [index, client] of waiters.entries()) {
      const turn = client.lock("/l").then(async (lock) => {
        order.push(index);
        tokens.push(lock.token);
        await lock.release();
      });
      waiting.push(turn);
      await until(() => queue(node).length === index + 2);
    }
    expect(order).toEqual([]);
    await first.release();
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(5);
    expect(queue(node)).toEqual([]);
  });

  it("has waiters watch only their own entry and the one right before it", async () => {
    const node = await startNode();
    const [owner, second, third] = await Promise.all([open(node), open(node), open(node)]);
    const lock = await owner.lock("/l");
    const waits = second.lock("/l");
    await until(() => queue(node).length === 2);
    const waitsLonger = third.lock("/l");
    await until(() => node.watchCreates.length === 5);
    const [first, middle, last] = queue(node);
    expect(node.watchCreates.map((create) => create.path)).toEqual([first, middle, first, last, middle]);
    expect(node.watchCreates.every((create) => !create.recursive)).toBe(true);
    await lock.release();
    const next = await waits;
    await next.release();
    await (await waitsLonger).release();
  });

  it("is not taken by a waiter whose predecessor left while others are still before it", async () => {
    const node = await startNode();
    const [owner, quitter, patient] = await Promise.all([open(node), open(node), open(node)]);
    const lock = await owner.lock("/l");
    const abort = new AbortController();
    const quits = expect(quitter.lock("/l", { signal: abort.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    await until(() => queue(node).length === 2);
    let acquired: Lock | undefined;
    const waits = patient.lock("/l").then((won) => {
      acquired = won;
    });
    await until(() => node.watchCreates.length === 5);
    abort.abort();
    await quits;
    await until(() => queue(node).length === 2 && node.watchCreates.length === 6);
    expect(acquired).toBeUndefined();
    await lock.release();
    await waits;
    expect(acquired?.token).toBeGreaterThan(lock.token);
    await acquired?.release();
  });

  it("tells a waiter at once that its entry was deleted, however long the owner keeps the lock", async () => {
    const node = await startNode();
    const [owner, waiter, operator] = await Promise.all([open(node), open(node), open(node)]);
    await using lock = await owner.lock("/l");
    const waits = expect(waiter.lock("/l")).rejects.toMatchObject({ code: "FENCED" });
    await until(() => queue(node).length === 2);
    await operator.delete(queue(node)[1] ?? "");
    await waits;
    expect(queue(node)).toEqual([lock.path]);
  });

  it("is not granted by an entry that was deleted and put there again", async () => {
    const node = await startNode();
    const [owner, waiter] = await Promise.all([open(node), open(node)]);
    const lock = await owner.lock("/l");
    const waits = expect(waiter.lock("/l")).rejects.toMatchObject({ code: "FENCED" });
    await until(() => node.watchCreates.length === 3);
    replaceUnseen(node, queue(node)[1] ?? "");
    await lock.release();
    await waits;
    await until(() => queue(node).length === 0);
  });

  it("tells its owner that its entry was deleted and put there again while no history told of it", async () => {
    const node = await startNode();
    const owner = await open(node);
    const lock = await owner.lock("/l");
    await until(() => node.watchCreates.length === 1);
    replaceUnseen(node, lock.path);
    await until(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ code: "FENCED" });
  });

  it("fences the writes of an owner that lost it", async () => {
    const node = await startNode();
    const [first, second] = await Promise.all([open(node), open(node)]);
    const lost = await first.lock("/l");
    await first.put("/data", "1", { fence: lost });
    await second.delete(lost.path);
    await until(() => lost.signal.aborted);
    expect(lost.signal.reason).toMatchObject({ code: "FENCED" });
    await using held = await second.lock("/l");
    await expect(first.put("/data", "2", { fence: lost })).rejects.toMatchObject({ code: "FENCED" });
    await expect(first.lease(5_000, { fence: lost })).rejects.toMatchObject({ code: "FENCED" });
    await using lease = await first.lease(5_000);
    await expect(lease.revoke({ fence: lost })).rejects.toMatchObject({ code: "FENCED" });
    // Nothing happened to it, so it is still kept alive.
    expect(lease.signal.aborted).toBe(false);
    await second.put("/data", "3", { fence: held });
    expect((await second.get("/data"))?.text()).toBe("3");
  });

  it("gives up after its timeout and leaves the queue", async () => {
    const node = await startNode();
    const [owner, waiter] = await Promise.all([open(node), open(node)]);
    await using lock = await owner.lock("/l");
    await expect(waiter.lock("/l", { timeoutMs: 100 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await until(() => queue(node).length === 1);
    expect(queue(node)).toEqual([lock.path]);
  });

  it("leaves no entry behind when the answer to its own put comes after the timeout", async () => {
    const node = await startNode();
    const client = await open(node);
    let silent = true;
    node.onOperation = (operation) =>
      silent && operation.operation.case === "put" ? { kind: "apply-silently" } : { kind: "serve" };
    await expect(client.lock("/l", { timeoutMs: 100 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(queue(node)).toHaveLength(1);
    silent = false;
    node.breakSessions();
    await until(() => queue(node).length === 0);
  });

  it("passes on when its owner's session ends, and tells the owner when that may have happened", async () => {
    const node = await startNode();
    const owner = await open(node, { sessionTtlMs: 200 });
    const waiter = await open(node);
    const lock = await owner.lock("/l");
    const waits = waiter.lock("/l");
    await until(() => queue(node).length === 2);
    node.onOperation = (operation) =>
      operation.operation.case === "keepAlive" ? { kind: "ignore" } : { kind: "serve" };
    await until(() => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
    node.store.endLease(BigInt(owner.sessionId));
    const next = await waits;
    expect(next.token).toBeGreaterThan(lock.token);
    await next.release();
    await lock.release();
  });

  it("is released once its session is known to be over, though its delete was never answered", async () => {
    const node = await startNode();
    const owner = await open(node);
    const lock = await owner.lock("/l");
    const released = await releaseUnanswered(node, lock);
    node.store.endLease(BigInt(owner.sessionId));
    node.breakSessions();
    await released.promise;
    expect(owner.state).toBe("expired");
    expect(queue(node)).toEqual([]);
  });

  it("is released, and a place in the queue left, though the client had too much to do at first", async () => {
    vi.spyOn(bounds, "pendingOperationsMax", "get").mockReturnValue(4);
    const node = await startNode();
    const [owner, waiter] = [await open(node), await open(node)];
    const lock = await owner.lock("/l");
    const stop = new AbortController();
    const waiting = waiter.lock("/l", { signal: stop.signal });
    await until(() => queue(node).length === 2);
    node.onOperation = () => ({ kind: "ignore" });
    const puts = [owner, waiter].flatMap((client) => [1, 2, 3, 4, 5].map((n) => client.put(`/p/${n}`, "x")));
    expect(await Promise.race(puts.map((put) => put.catch((error: unknown) => error)))).toMatchObject({
      code: "OVERLOADED",
    });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    const released = lock.release();
    node.onOperation = () => ({ kind: "serve" });
    node.breakSessions();
    await released;
    await Promise.allSettled(puts);
    await until(() => queue(node).length === 0);
  });

  it("is released by closing its client, though its delete was never answered", async () => {
    const node = await startNode();
    const owner = await open(node);
    const lock = await owner.lock("/l");
    const released = await releaseUnanswered(node, lock);
    // The delete is given up when the session is: whether a server heard of its end or not, the entry ends with it.
    await owner.close();
    await released.promise;
  });

  it("whose session only may have expired is not taken for released", async () => {
    const node = await startNode();
    const owner = await open(node, { sessionTtlMs: 200, requestTimeoutMs: 500 });
    const lock = await owner.lock("/l");
    node.onOperation = () => ({ kind: "ignore" });
    await until(() => owner.sessionSignal.aborted);
    await expect(lock.release()).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(queue(node)).toEqual([lock.path]);
    // Goes on in the background, and is done with before the client is closed.
    node.onOperation = () => ({ kind: "serve" });
    node.breakSessions();
    await until(() => queue(node).length === 0);
  });

  it("needs a session", async () => {
    const node = await startNode();
    const client = await open(node, { session: false });
    await expect(client.lock("/l")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("an election", () => {
  it("is observed through a proclamation, a resignation and a successor", async () => {
    const node = await startNode();
    const [first, second, observer] = await Promise.all([open(node), open(node), open(node)]);
    const seen = observer.observe("/e");
    expect((await seen.next()).value).toBeUndefined();
    const leadership = await first.campaign("/e", "one");
    expect((await seen.next()).value).toEqual({ name: "one", token: leadership.token });
    await leadership.proclaim("one, ready");
    expect((await seen.next()).value).toEqual({ name: "one, ready", token: leadership.token });
    const campaigning = second.campaign("/e", "two");
    await leadership.resign();
    const successor = await campaigning;
    let latest = (await seen.next()).value;
    if (latest === undefined) latest = (await seen.next()).value;
    expect(latest).toEqual({ name: "two", token: successor.token });
    expect(await observer.leader("/e")).toEqual({ name: "two", token: successor.token });
    await expect(leadership.proclaim("still me")).rejects.toMatchObject({ code: "FENCED" });
    await successor.resign();
    expect(await observer.leader("/e")).toBeUndefined();
    await seen.return();
  });
});
