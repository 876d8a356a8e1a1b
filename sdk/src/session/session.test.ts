import { ErrorCode, type Operation } from "@quorate/proto";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../client/connect.js";
import { bounds, type ConnectOptions, type StateChange } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { OutcomeUnknown } from "../errors/quorate-error.js";
import { FakeNode, type OperationVerdict } from "./fake-node.test-server.js";
import { FakeStore } from "./fake-store.test-server.js";

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

const serve: OperationVerdict = { kind: "serve" };
const isPut = (operation: Operation): boolean => operation.operation.case === "put";
const puts = (node: FakeNode): Operation[] => node.operations.filter(isPut);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a mutation that was given up", () => {
  async function giveUp(client: Quorate, path: string): Promise<OutcomeUnknown> {
    const error = await client.put(path, "1", { timeoutMs: 100 }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof OutcomeUnknown)) throw new Error(`expected OutcomeUnknown, got ${String(error)}`);
    return error;
  }

  it("was applied: asking tells its result, once", async () => {
    const node = await startNode();
    node.onOperation = (operation) => (isPut(operation) ? { kind: "apply-silently" } : serve);
    const client = await open(node.endpoint);
    const { mutation } = await giveUp(client, "/a");
    if (mutation === undefined) throw new Error("no id");
    expect(JSON.parse(JSON.stringify(mutation))).toEqual({
      sessionId: client.sessionId,
      sequence: expect.any(Number),
    });
    expect(await client.outcome(mutation)).toEqual({
      kind: "applied",
      result: { kind: "put", path: "/a", revision: 1, previous: undefined },
    });
  });

  it("was not applied, and is not once that was said, whoever asked", async () => {
    const node = await startNode();
    const late: Operation[] = [];
    node.onOperation = (operation) => {
      if (!isPut(operation)) return serve;
      late.push(operation);
      return { kind: "ignore" };
    };
    const client = await open(node.endpoint);
    const other = await open(node.endpoint, { session: false });
    const { mutation } = await giveUp(client, "/a");
    if (mutation === undefined) throw new Error("no id");
    expect(await other.outcome(mutation)).toEqual({ kind: "not-applied", refusal: undefined });
    for (const operation of late) node.store.run(BigInt(client.sessionId), operation);
    expect(node.store.applied).toEqual([]);
  });

  it("whose answer cannot be read was applied, and is told by its number too", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    node.onOperation = (operation) => (isPut(operation) ? { kind: "apply-and-garble" } : serve);
    const unknown = await client.put("/a", "1").catch((thrown: unknown) => thrown);
    if (!(unknown instanceof OutcomeUnknown)) throw unknown;
    const { mutation } = unknown;
    if (mutation === undefined) throw new Error("the mutation has no id");
    expect(mutation).toEqual({ sessionId: client.sessionId, sequence: Number(puts(node)[0]?.sequence) });
    // Until somebody asks, the servers are to keep the result.
    await client.get("/a");
    expect(node.requests.at(-1)?.lowestPending).toBe(BigInt(mutation.sequence));
    expect(await client.outcome(mutation)).toMatchObject({ kind: "applied", result: { kind: "put" } });
  });

  it("is forgotten once its session ended", async () => {
    const node = await startNode();
    node.onOperation = (operation) => (isPut(operation) ? { kind: "apply-silently" } : serve);
    const client = await open(node.endpoint);
    const { mutation } = await giveUp(client, "/a");
    if (mutation === undefined) throw new Error("no id");
    node.store.endLease(BigInt(client.sessionId));
    node.breakSessions();
    await until(() => client.state === "expired");
    expect(await client.outcome(mutation)).toEqual({ kind: "forgotten" });
  });

  it("cannot be one that is still waited for, or not yet begun", async () => {
    const node = await startNode();
    node.onOperation = (operation) => (isPut(operation) ? { kind: "ignore" } : serve);
    const client = await open(node.endpoint);
    const waiting = client.put("/a", "1", { timeoutMs: 300 });
    const fails = expect(waiting).rejects.toBeInstanceOf(OutcomeUnknown);
    await until(() => puts(node).length === 1);
    const sequence = Number(puts(node)[0]?.sequence);
    for (const asked of [sequence, sequence + 1_000]) {
      await expect(client.outcome({ sessionId: client.sessionId, sequence: asked })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    await fails;
  });

  it("outside a session has no id, since nobody keeps its result", async () => {
    const node = await startNode();
    node.onOperation = () => ({ kind: "apply-silently" });
    const client = await open(node.endpoint, { session: false });
    expect((await giveUp(client, "/a")).mutation).toBeUndefined();
  });
});

describe("a session", () => {
  it("sends what one turn issues in one message", async () => {
    const node = await startNode();
    const client = await open(node.endpoint);
    const before = node.requests.length;
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.put(`/k/${i}`, "v")));
    expect(node.requests.slice(before).map((request) => request.operations.length)).toEqual([100]);
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => client.put(`/k/${i}`, "v")));
    const sizes = node.requests.slice(before + 1).map((request) => request.operations.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3_000);
    expect(Math.max(...sizes)).toBe(bounds.batchOperationsMax);
  });

  it("states the lowest pending sequence with each batch", async () => {
    const node = await startNode();
    let ignored: Operation | undefined;
    node.onOperation = (operation) => {
      if (!isPut(operation) || (ignored !== undefined && ignored !== operation)) return serve;
      ignored = operation;
      return { kind: "ignore" };
    };
    const client = await open(node.endpoint, { requestTimeoutMs: 300 });
    const lost = client.put("/a", "1");
    const refused = expect(lost).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown" });
    await client.put("/b", "1");
    expect(node.requests.at(-1)?.lowestPending).toBe(ignored?.sequence);
    // Given up, it is in doubt: until somebody has asked, its result must not be forgotten.
    await refused;
    await client.put("/c", "1");
    expect(node.requests.at(-1)?.lowestPending).toBe(ignored?.sequence);
    const mutation = { sessionId: client.sessionId, sequence: Number(ignored?.sequence) };
    expect(await client.outcome(mutation)).toEqual({ kind: "not-applied", refusal: undefined });
    await client.put("/d", "1");
    expect(node.requests.at(-1)?.lowestPending).toBeGreaterThan(ignored?.sequence ?? 0n);
  });

  it("sends unanswered mutations again under the same sequence after the stream broke, and they apply once", async () => {
    const node = await startNode();
    let broken = false;
    node.onOperation = (operation) => {
      if (!isPut(operation) || broken) return serve;
      setTimeout(() => {
        broken = true;
        node.breakSessions();
      }, 20);
      return { kind: "apply-silently" };
    };
    const client = await open(node.endpoint);
    const outcome = await client.put("/once", "1");
    expect(outcome).toMatchObject({ path: "/once", revision: 1 });
    expect(puts(node).map((operation) => operation.sequence)).toEqual([1n, 1n]);
    expect(node.store.applied).toEqual(["/once"]);
  });

  it("reports its states in order and resumes the same session", async () => {
    const node = await startNode();
    const states: StateChange[] = [];
    const client = await open(node.endpoint, { onStateChange: (state) => states.push(state) });
    const { sessionId } = client;
    node.breakSessions();
    await until(() => states.length === 3);
    await client.put("/a", "1");
    expect(client.sessionId).toBe(sessionId);
    expect(client.sessionSignal.aborted).toBe(false);
    await client.close();
    expect(states).toEqual(["connected", "suspended", "resumed", "closed"]);
    expect(client.sessionSignal.aborted).toBe(true);
    expect(node.store.sessions.size).toBe(0);
    await expect(client.put("/a", "2")).rejects.toMatchObject({ code: "CLOSED", outcome: "did-not-happen" });
  });

  it("fails everything with SESSION_EXPIRED once a server says so", async () => {
    const node = await startNode();
    const states: StateChange[] = [];
    const client = await open(node.endpoint, { onStateChange: (state) => states.push(state) });
    node.onOperation = (operation) => (isPut(operation) ? { kind: "ignore" } : serve);
    const sent = client.put("/a", "1");
    const sentFails = expect(sent).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await until(() => puts(node).length === 1);
    node.store.endLease(BigInt(client.sessionId));
    node.breakSessions();
    await sentFails;
    expect(states).toEqual(["connected", "suspended", "expired"]);
    expect(client.sessionSignal.aborted).toBe(true);
    await expect(client.put("/b", "1")).rejects.toMatchObject({ code: "SESSION_EXPIRED" });
    await expect(client.get("/b")).rejects.toMatchObject({ code: "SESSION_EXPIRED" });
  });

  it("warns by its own clock that the session may have expired, and resumes it all the same", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { sessionTtlMs: 200 });
    node.stop();
    await until(() => client.sessionSignal.aborted);
    expect(client.sessionSignal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
    expect(client.state).toBe("suspended");
    await node.start();
    await client.put("/a", "1");
    expect(client.state).toBe("connected");
  });

  it("keeps its session alive while idle", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { sessionTtlMs: 900 });
    await until(() => node.keepAlives.length >= 6);
    expect(client.sessionSignal.aborted).toBe(false);
  });

  it("and a lease outlive refusals for want of a quorum: a keepalive is sent again within the TTL", async () => {
    const node = await startNode();
    const client = await open(node.endpoint, { sessionTtlMs: 900 });
    const lease = await client.lease(900);
    const refusals = new Map<bigint, number>();
    const renewed = { session: 0, lease: 0 };
    node.onOperation = ({ sequence, operation }) => {
      if (operation.case !== "keepAlive") return serve;
      const refused = refusals.get(sequence) ?? 0;
      refusals.set(sequence, refused + 1);
      if (refused < 2) return { kind: "answer", code: ErrorCode.NO_QUORUM };
      renewed[operation.value.leaseIds[0] === BigInt(lease.id) ? "lease" : "session"] += 1;
      return serve;
    };
    // By then, a TTL has passed for each since the first refusal.
    await until(() => Math.min(renewed.session, renewed.lease) >= 4);
    expect([client.sessionSignal.aborted, lease.signal.aborted]).toEqual([false, false]);
    expect(client.state).toBe("connected");
  });

  it("is resumed after refusals for want of a quorum, which say nothing of its end", async () => {
    const node = await startNode();
    const states: StateChange[] = [];
    const client = await open(node.endpoint, { onStateChange: (state) => states.push(state) });
    const hellos = (): number => node.requests.filter(({ hello }) => hello !== undefined).length;
    node.refuseHello = ErrorCode.NO_QUORUM;
    node.breakSessions();
    await until(() => hellos() >= 4);
    expect(states).toEqual(["connected", "suspended"]);
    node.refuseHello = undefined;
    await client.put("/a", "1");
    expect(states).toEqual(["connected", "suspended", "resumed"]);
    expect(node.store.sessions.has(BigInt(client.sessionId))).toBe(true);
  });

  it("retries refused operations until they succeed", async () => {
    const node = await startNode();
    let refusals = 3;
    node.onOperation = () => (refusals-- > 0 ? { kind: "answer", code: ErrorCode.NO_QUORUM } : serve);
    const client = await open(node.endpoint);
    await client.put("/a", "1");
    expect(new Set(puts(node).map((operation) => operation.sequence)).size).toBe(1);
    expect(puts(node)).toHaveLength(4);
  });

  it("tells at the deadline that nothing happened when every attempt was refused", async () => {
    const node = await startNode();
    node.onOperation = () => ({ kind: "answer", code: ErrorCode.NO_QUORUM });
    const client = await open(node.endpoint, { requestTimeoutMs: 150 });
    await expect(client.put("/a", "1")).rejects.toMatchObject({
      code: "NO_QUORUM",
      outcome: "did-not-happen",
    });
    await expect(client.get("/a")).rejects.toMatchObject({ code: "NO_QUORUM" });
  });

  it("leaves the outcome open when a server does", async () => {
    const node = await startNode();
    node.onOperation = () => ({ kind: "answer", code: ErrorCode.OUTCOME_UNKNOWN });
    const client = await open(node.endpoint, { requestTimeoutMs: 150 });
    await expect(client.put("/a", "1")).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  it("gives a call up when its signal is aborted", async () => {
    const node = await startNode();
    node.onOperation = (operation) => (operation.operation.case === "keepAlive" ? serve : { kind: "ignore" });
    const client = await open(node.endpoint);
    const abort = new AbortController();
    const write = client.put("/a", "1", { signal: abort.signal });
    const read = client.get("/a", { signal: abort.signal });
    const fails = Promise.all([
      expect(write).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" }),
      expect(read).rejects.toMatchObject({ code: "CANCELLED" }),
    ]);
    await until(() => node.operations.length === 2);
    abort.abort();
    await fails;
    await expect(client.put("/b", "1", { signal: abort.signal })).rejects.toMatchObject({
      code: "CANCELLED",
      outcome: "did-not-happen",
    });
    expect(puts(node)).toHaveLength(1);
  });

  it("moves to the leader that a server names, with the same session", async () => {
    const store = new FakeStore();
    const [first, second] = [await startNode(store), await startNode(store)];
    const client = await open(first.endpoint);
    first.announceLeader(second.endpoint);
    await until(() => second.sessionStreams === 1 && first.sessionStreams === 0);
    await client.put("/a", "1");
    expect(puts(second)).toHaveLength(1);
    expect(second.requests[0]?.hello?.sessionId).toBe(BigInt(client.sessionId));
  });

  it("stays where it is when the named leader cannot be reached", async () => {
    const node = await startNode();
    const gone = await startNode();
    gone.stop();
    const states: StateChange[] = [];
    const client = await open(node.endpoint, { onStateChange: (state) => states.push(state) });
    node.announceLeader(gone.endpoint);
    for (let i = 0; i < 20; i++) await client.put("/a", String(i));
    expect(states).toEqual(["connected"]);
    expect(puts(node)).toHaveLength(20);
  });

  it("leaves a node without a quorum for one that has it", async () => {
    const store = new FakeStore();
    const [minority, majority] = [await startNode(store), await startNode(store)];
    majority.refuseHello = ErrorCode.NO_QUORUM;
    const client = await open([minority.endpoint, majority.endpoint]);
    minority.onOperation = () => ({ kind: "answer", code: ErrorCode.NO_QUORUM });
    majority.refuseHello = undefined;
    await client.put("/a", "1");
    expect(puts(majority)).toHaveLength(1);
    expect(store.applied).toEqual(["/a"]);
  });

  it("finds a live endpoint among dead ones", async () => {
    const dead = await startNode();
    dead.stop();
    const live = await startNode();
    const client = await open(`${dead.endpoint},${live.endpoint}`);
    await client.put("/a", "1");
    expect(live.store.applied).toEqual(["/a"]);
  });

  it("says why it cannot connect: no quorum, nobody there, aborted", async () => {
    const node = await startNode();
    node.refuseHello = ErrorCode.NO_QUORUM;
    await expect(connect(node.endpoint, { connectTimeoutMs: 150 })).rejects.toMatchObject({
      code: "NO_QUORUM",
    });
    const abort = new AbortController();
    const aborted = connect(node.endpoint, { signal: abort.signal });
    const fails = expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
    abort.abort();
    await fails;
    node.stop();
    await expect(connect(node.endpoint, { connectTimeoutMs: 150 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
  });
});
