import { ErrorCode } from "@quorate/proto";
import { afterEach, describe, expect, it } from "vitest";
import { compare, op } from "../kv/txn.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import { connect } from "./connect.js";
import { bounds, type ConnectOptions } from "./options.js";
import type { Quorate } from "./quorate.js";

const nodes: FakeNode[] = [];
const clients: Quorate[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes.splice(0)) node.stop();
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

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const keepAlives = (node: FakeNode, lease: number): number =>
  node.keepAlives.filter(({ leaseIds }) => leaseIds[0] === BigInt(lease)).length;

describe("keys", () => {
  it("are written and read with plain numbers", async () => {
    const client = await open((await startNode()).endpoint);
    const put = await client.put("/a", JSON.stringify({ port: 80 }));
    expect(put).toEqual({ path: "/a", revision: 1, previous: undefined });
    const entry = await client.get("/a");
    expect(entry).toMatchObject({ path: "/a", createRevision: 1, modRevision: 1, version: 1, lease: 0 });
    expect(entry?.json()).toEqual({ port: 80 });
    expect(await client.get("/missing")).toBeUndefined();
    expect(await client.delete("/a")).toMatchObject({ deleted: 1 });
  });

  it("get a server-assigned name when put sequentially", async () => {
    const client = await open((await startNode()).endpoint);
    expect((await client.put("/q", "x", { sequential: true })).path).toBe("/q/0000000000000001");
  });

  it("are put and deleted only at the expected mod revision", async () => {
    const client = await open((await startNode()).endpoint);
    await client.put("/a", "1", { ifModRevision: 0 });
    await expect(client.put("/a", "2", { ifModRevision: 0 })).rejects.toMatchObject({
      code: "COMPARE_FAILED",
      outcome: "did-not-happen",
      current: { modRevision: 1 },
    });
    await client.put("/a", "2", { ifModRevision: 1 });
    await expect(client.delete("/a", { ifModRevision: 1 })).rejects.toMatchObject({ code: "COMPARE_FAILED" });
    expect(await client.delete("/a", { ifModRevision: 2 })).toMatchObject({ deleted: 1 });
  });

  it("change together in a transaction", async () => {
    const client = await open((await startNode()).endpoint);
    await client.put("/a", "1");
    const spec = {
      compares: [compare.value("/a").equals("1")],
      then: [op.put("/a", "2"), op.get("/a")],
      otherwise: [op.get("/a")],
    };
    const first = await client.txn(spec);
    expect(first.succeeded).toBe(true);
    expect(first.results.map((result) => result.kind)).toEqual(["put", "get"]);
    expect((await client.txn(spec)).succeeded).toBe(false);
  });

  it("refuse what cannot be sent, before sending it", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const before = node.requests.length;
    await expect(client.get("/a", { revision: 1.5 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(client.put("/a", "x", { lease: -1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(client.put("/a", new Uint8Array(9 * 1024 * 1024))).rejects.toMatchObject({
      code: "TOO_LARGE",
    });
    expect(node.requests).toHaveLength(before);
  });

  it("live on a lease until it is revoked", async () => {
    const client = await open((await startNode()).endpoint);
    const lease = await client.lease(60_000);
    await client.put("/a", "1", { lease });
    expect((await client.get("/a"))?.lease).toBe(lease.id);
    expect(lease.signal.aborted).toBe(false);
    await lease.revoke();
    expect(lease.signal.aborted).toBe(true);
    expect(await client.get("/a")).toBeUndefined();
    await lease.revoke();
  });

  it("live on when the revoke of their lease was refused, and the lease is kept alive", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const lease = await client.lease(600);
    await client.put("/a", "1", { lease });
    node.onOperation = ({ operation }) =>
      operation.case === "revoke" ? { kind: "answer", code: ErrorCode.NO_QUORUM } : { kind: "serve" };
    await expect(lease.revoke({ timeoutMs: 100 })).rejects.toMatchObject({ code: "NO_QUORUM" });
    const aborted = AbortSignal.abort();
    await expect(lease.revoke({ signal: aborted })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(lease.signal.aborted).toBe(false);
    const before = keepAlives(node, lease.id);
    await until(() => keepAlives(node, lease.id) >= before + 4);
    expect(lease.signal.aborted).toBe(false);
    node.onOperation = () => ({ kind: "serve" });
    await lease.revoke();
    expect(lease.signal.aborted).toBe(true);
    expect(await client.get("/a")).toBeUndefined();
  });

  it("may be gone after a revoke of unknown outcome, which ends the keeping alive, and may be repeated", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const [lease, other] = [await client.lease(600), await client.lease(600)];
    node.onOperation = ({ operation }) =>
      operation.case === "revoke" ? { kind: "ignore" } : { kind: "serve" };
    await expect(lease.revoke({ timeoutMs: 100 })).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(lease.signal.aborted).toBe(true);
    // Those that were on their way are told from those that would follow by the other lease's, which come as often.
    const [before, others] = [keepAlives(node, lease.id), keepAlives(node, other.id)];
    await until(() => keepAlives(node, other.id) >= others + 4);
    expect(keepAlives(node, lease.id) - before).toBeLessThanOrEqual(1);
    expect(node.store.leases.has(BigInt(lease.id))).toBe(true);
    node.onOperation = () => ({ kind: "serve" });
    await lease.revoke();
    expect(node.store.leases.has(BigInt(lease.id))).toBe(false);
  });

  it("are not kept any more once their lease may have expired, though it lives on", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const lease = await client.lease(100);
    await client.put("/a", "1", { lease });
    node.onOperation = () => ({ kind: "ignore" });
    await until(() => lease.signal.aborted);
    node.onOperation = () => ({ kind: "serve" });
    const other = await client.lease(600);
    const [before, others] = [keepAlives(node, lease.id), keepAlives(node, other.id)];
    await until(() => keepAlives(node, other.id) >= others + 3);
    expect(keepAlives(node, lease.id)).toBeLessThanOrEqual(before + 1);
    expect(node.store.leases.has(BigInt(lease.id))).toBe(true);
    await lease.revoke();
    expect(await client.get("/a")).toBeUndefined();
  });

  it("are let go with a lease that goes out of scope, though its revoke was refused", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { requestTimeoutMs: 100 });
    const [lease, other] = [await client.lease(600), await client.lease(600)];
    node.onOperation = ({ operation }) =>
      operation.case === "revoke" ? { kind: "answer", code: ErrorCode.NO_QUORUM } : { kind: "serve" };
    await expect(lease[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "NO_QUORUM" });
    expect(lease.signal.aborted).toBe(true);
    const [before, others] = [keepAlives(node, lease.id), keepAlives(node, other.id)];
    await until(() => keepAlives(node, other.id) >= others + 4);
    expect(keepAlives(node, lease.id) - before).toBeLessThanOrEqual(1);
  });

  it("live on a lease that its id alone keeps, looks at and ends", async () => {
    const client = await open((await startNode()).endpoint);
    const { id, ttlMs } = await client.grantLease(60_000);
    const paths = Array.from(
      { length: bounds.listPageNodes + 1 },
      (_, i) => `/k/${String(i).padStart(5, "0")}`,
    );
    await Promise.all(paths.map((path) => client.put(path, "1", { lease: id })));
    expect(await client.leaseStatus(id)).toEqual({
      id,
      ttlMs,
      session: false,
      keyCount: paths.length,
      remainingMs: 60_000,
    });
    expect(await all(client.leaseKeys(id))).toEqual(paths);
    expect((await all(client.leases())).map((lease) => [lease.id, lease.session])).toEqual([
      [client.sessionId, true],
      [id, false],
    ]);
    expect(await client.keepLeaseAlive(id)).toBe(60_000);
    await client.revokeLease(id);
    expect(await client.leaseStatus(id)).toBeUndefined();
    await expect(client.keepLeaseAlive(id)).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
    await expect(client.revokeLease(id)).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
    await expect(client.leaseStatus(0)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("lose their lease's signal when a server says that the lease is gone", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const lease = await client.lease(100);
    node.store.endLease(BigInt(lease.id));
    await until(() => lease.signal.aborted);
    expect(lease.signal.reason).toMatchObject({ code: "LEASE_NOT_FOUND" });
  });

  it("are read serializably from any node while the session has no stream", async () => {
    const store = new FakeStore();
    const [first, second] = [await startNode(store), await startNode(store)];
    const client = await open([first.endpoint, second.endpoint]);
    await client.put("/a", "1");
    for (const node of [first, second]) node.refuseHello = ErrorCode.NO_QUORUM;
    first.breakSessions();
    second.breakSessions();
    await until(() => client.state === "suspended");
    expect((await client.get("/a", { consistency: "serializable" }))?.text()).toBe("1");
    await expect(client.get("/a", { timeoutMs: 150 })).rejects.toMatchObject({ code: "NO_QUORUM" });
  });
});

describe("a client without a session", () => {
  it("asks the next endpoint when one is dead, and reports nodes", async () => {
    const dead = await startNode();
    dead.stop();
    const live = await startNode();
    const client = await open([dead.endpoint, live.endpoint], { session: false });
    await client.put("/a", "1");
    expect((await client.get("/a", { consistency: "serializable" }))?.text()).toBe("1");
    expect(await client.status(live.endpoint)).toMatchObject({
      role: "leader",
      term: 3,
      memberId: "00000000000000ff",
    });
    await expect(client.status(dead.endpoint, { timeoutMs: 200 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(live.requests).toEqual([]);
  });

  it("learns of members that were not there when it was started, by its calls", async () => {
    const store = new FakeStore();
    const [given, added] = [await startNode(store), await startNode(store)];
    given.memberEndpoints = [given.endpoint, added.endpoint];
    const client = await open(given.endpoint, { session: false });
    await client.put("/a", "1");
    await until(() => given.membersAsked > 0);
    await client.get("/a");
    given.stop();
    expect((await client.get("/a"))?.text()).toBe("1");
    expect(given.membersAsked).toBe(1);
  });

  it("learns of them by its watches, which go on there", async () => {
    const store = new FakeStore();
    const [given, added] = [await startNode(store), await startNode(store)];
    given.memberEndpoints = [given.endpoint, added.endpoint];
    const client = await open(given.endpoint, { session: false });
    const watch = client.watch("/a");
    await until(() => given.membersAsked > 0 && given.watchCreates.length > 0);
    given.stop();
    await until(() => added.watchCreates.length > 0);
    const other = await open(added.endpoint, { session: false });
    await other.put("/a", "2");
    expect((await watch.next()).value).toMatchObject({ kind: "put", path: "/a" });
    await watch.return();
  });

  it("learns of none when it is not to follow, nor does it ask", async () => {
    const [given, other] = [await startNode(), await startNode()];
    given.memberEndpoints = [given.endpoint, other.endpoint];
    const client = await open(given.endpoint, { session: false, followLeader: false });
    await client.put("/a", "1");
    await client.members();
    expect(given.membersAsked).toBe(1);
    given.stop();
    await expect(client.get("/a", { timeoutMs: 300 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("repeats a mutation only while a server vouches that it did not happen", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { session: false });
    let refusals = 2;
    node.onOperation = () =>
      refusals-- > 0 ? { kind: "answer", code: ErrorCode.NO_QUORUM } : { kind: "apply-silently" };
    await expect(client.put("/a", "1")).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      outcome: "unknown",
    });
    expect(refusals).toBe(-1);
    expect(node.store.applied).toEqual(["/a"]);
  });
});
