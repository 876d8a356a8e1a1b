import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EndpointPool } from "../endpoints/endpoint-pool.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { Session } from "../session/session.js";
import { connect } from "./connect.js";
import { breakerOptions, resolveOptions, type StateChange } from "./options.js";
import type { Quorate } from "./quorate.js";

const dayMs = 24 * 60 * 60 * 1_000;
const node = new FakeNode();
const warnings: Error[] = [];
const note = (warning: Error): void => {
  warnings.push(warning);
};
const clients: Quorate[] = [];

beforeEach(async () => {
  process.on("warning", note);
  await node.start();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  node.onOperation = () => ({ kind: "serve" });
  node.stop();
  process.off("warning", note);
  // A warning is told a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings.splice(0)).toEqual([]);
});

async function open(options: Parameters<typeof connect>[1] = {}): Promise<Quorate> {
  const client = await connect(node.endpoint, options);
  clients.push(client);
  return client;
}

it("hears of no leak, however many calls and watches wait on one signal, a lock's own included", async () => {
  const client = await open();
  const plain = await open({ session: false });
  const lock = await client.lock("/lock");
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  await Promise.all(numbers.map((i) => client.put(`/a/${i}`, "1", { signal: lock.signal })));
  await Promise.all(numbers.map((i) => plain.get(`/a/${i}`, { signal: lock.signal })));
  const watches = numbers.flatMap((i) => [
    client.watch(`/a/${i}`, { signal: lock.signal }),
    client.watch(`/a/${i}`, { signal: lock.signal, onCompacted: "relist" }),
  ]);
  expect(getEventListeners(lock.signal, "abort")).toHaveLength(1);
  await Promise.all(watches.map((watch) => watch.return()));
  expect(getEventListeners(lock.signal, "abort")).toHaveLength(0);
});

it("may wait for longer than a timer can", async () => {
  const [client, other, plain] = [await open(), await open(), await open({ session: false })];
  const lock = await client.lock("/lock");
  const waiting = other.lock("/lock", { timeoutMs: 30 * dayMs });
  expect(await plain.get("/none", { timeoutMs: 30 * dayMs })).toBeUndefined();
  expect(await plain.get("/none", { timeoutMs: Number.MAX_VALUE })).toBeUndefined();
  expect(await client.get("/none", { timeoutMs: Number.POSITIVE_INFINITY })).toBeUndefined();
  await lock.release();
  await (await waiting).release();
});

it("may use a buffer again as soon as it has passed it", async () => {
  const client = await open();
  const buffer = Buffer.from("first");
  const putting = client.put("/a", buffer);
  buffer.fill("x");
  await putting;
  expect((await client.get("/a"))?.text()).toBe("first");
});

it("may change its options as soon as it has passed them", async () => {
  const client = await open();
  const options = { returnPrevious: true, timeoutMs: 5_000 };
  const putting = client.put("/a", "1", options);
  options.timeoutMs = 1;
  options.returnPrevious = false;
  expect((await putting).revision).toBeGreaterThan(0);
});

it("is told what its callback throws, and the session goes on", async () => {
  const thrown: unknown[] = [];
  const changes: StateChange[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  try {
    const client = await open({
      onStateChange: (change) => {
        changes.push(change);
        throw new Error(`at ${change}`);
      },
    });
    await client.put("/a", "1");
    node.breakSessions();
    await client.put("/a", "2");
    await client.close();
    expect(changes).toEqual(["connected", "suspended", "resumed", "closed"]);
    expect(thrown.map(String)).toEqual(changes.map((change) => `Error: at ${change}`));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener);
  }
});

it("has one operation fail alone that cannot be encoded, on a stream that goes on", async () => {
  const pool = new EndpointPool([node.endpoint], breakerOptions, Math.random);
  const session = await Session.open(pool, resolveOptions({}), undefined);
  const put = (value: Uint8Array): Promise<string> =>
    session.run(
      {
        case: "put",
        value: {
          $typeName: "quorate.v1.PutRequest",
          path: "/a",
          value,
          leaseId: 0n,
          sequential: false,
          returnPrevious: false,
        },
      },
      ({ case: kind }) => kind,
      {},
    );
  const bytes = new Uint8Array(1);
  const notBytes: Uint8Array = JSON.parse("5");
  const hellos = node.requests.filter(({ hello }) => hello !== undefined).length;
  const [before, bad, after] = await Promise.allSettled([put(bytes), put(notBytes), put(bytes)]);
  expect([before, after].map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
  expect(bad).toMatchObject({ reason: { code: "INVALID_ARGUMENT", outcome: "did-not-happen" } });
  expect(await put(bytes)).toBe("put");
  expect(node.requests.filter(({ hello }) => hello !== undefined)).toHaveLength(hellos);
  expect(session.state).toBe("connected");
  await session.close();
});
