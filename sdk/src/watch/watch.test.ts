import { create } from "@bufbuild/protobuf";
import { ErrorCode, EventKind, TxnRequestSchema } from "@quorate/proto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connect } from "../client/connect.js";
import { bounds } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import type { Watch, WatchEvent } from "./watch-event.js";

const nodes: FakeNode[] = [];
const clients: Quorate[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes.splice(0)) node.stop();
});

async function cluster(size: number): Promise<{ store: FakeStore; members: FakeNode[]; client: Quorate }> {
  const store = new FakeStore();
  const members = await Promise.all(Array.from({ length: size }, () => new FakeNode(store).start()));
  nodes.push(...members);
  const client = await connect(members.map((node) => node.endpoint));
  clients.push(client);
  return { store, members, client };
}

async function take(watch: Watch, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const next = await watch.next();
    if (next.done === true) break;
    events.push(next.value);
  }
  return events;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a watch", () => {
  it("delivers the changes of a subtree in order", async () => {
    const { client } = await cluster(1);
    await using watch = client.watch("/a", { recursive: true, fromRevision: 1 });
    await client.put("/a/1", "x");
    await client.put("/b", "y");
    await client.delete("/a/1");
    const events = await take(watch, 2);
    expect(events.map(({ kind, path, revision }) => [kind, path, revision])).toEqual([
      ["put", "/a/1", 1],
      ["delete", "/a/1", 3],
    ]);
    expect(events[0]?.entry?.text()).toBe("x");
    expect(events[1]?.entry).toBeUndefined();
  });

  it("resumes after the last revision when its stream breaks: none twice, none missing", async () => {
    const { client, members } = await cluster(2);
    await using watch = client.watch("/a", { recursive: true, fromRevision: 1 });
    const revisions: number[] = [];
    for (let i = 1; i <= 30; i++) {
      await client.put(`/a/${i}`, "x");
      if (i % 10 === 0) for (const node of members) node.breakWatches();
      revisions.push(...(await take(watch, 1)).map((event) => event.revision));
    }
    expect(revisions).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  it("delivers the initial entries first, then every change after them", async () => {
    const { client } = await cluster(1);
    await client.put("/a/1", "1");
    await client.put("/a/2", "2");
    await using watch = client.watch("/a", { recursive: true, initial: true });
    expect((await take(watch, 2)).map(({ path, initial, revision }) => [path, initial, revision])).toEqual([
      ["/a/1", true, 2],
      ["/a/2", true, 2],
    ]);
    await client.put("/a/3", "3");
    expect(await take(watch, 1)).toMatchObject([{ path: "/a/3", initial: false, revision: 3 }]);
  });

  it("reads an initial snapshot that broke off again, and delivers it once", async () => {
    const { client, members } = await cluster(1);
    for (const path of ["/a/1", "/a/2", "/a/3"]) await client.put(path, "x");
    for (const node of members) {
      node.initialPageEntries = 2;
      node.breakInitialOnce = true;
    }
    await using watch = client.watch("/a", { recursive: true, initial: true });
    expect((await take(watch, 3)).map((event) => event.path)).toEqual(["/a/1", "/a/2", "/a/3"]);
    await client.put("/a/4", "x");
    expect((await take(watch, 1)).map((event) => event.path)).toEqual(["/a/4"]);
    expect(members[0]?.watchCreates.map((create) => create.initial)).toEqual([true, true]);
  });

  it("delivers a revision that comes in parts whole", async () => {
    const { client, store, members } = await cluster(1);
    for (const node of members) node.replyEvents = 2;
    await using watch = client.watch("/a", { recursive: true, fromRevision: 1 });
    const paths = ["/a/1", "/a/2", "/a/3", "/a/4", "/a/5"];
    store.apply(revisionOf(paths));
    await client.put("/a/6", "x");
    const events = await take(watch, 6);
    expect(events.map(({ path, revision }) => [path, revision])).toEqual([
      ...paths.map((path) => [path, 1]),
      ["/a/6", 2],
    ]);
  });

  it("gets a revision again of which it got a part when its stream broke, and delivers it once", async () => {
    const { client, store, members } = await cluster(2);
    await using watch = client.watch("/a", { recursive: true, fromRevision: 1 });
    await client.put("/a/0", "x");
    expect(await take(watch, 1)).toHaveLength(1);
    for (const node of members) {
      node.replyEvents = 2;
      node.breakPartsOnce = true;
    }
    const paths = ["/a/1", "/a/2", "/a/3"];
    store.apply(revisionOf(paths));
    await client.put("/a/4", "x");
    const events = await take(watch, 4);
    expect(events.map(({ path, revision }) => [path, revision])).toEqual([
      ...paths.map((path) => [path, 2]),
      ["/a/4", 3],
    ]);
    expect(members.some((node) => !node.breakPartsOnce)).toBe(true);
  });

  it("throws Compacted when its start is gone", async () => {
    const { client, store } = await cluster(1);
    await client.put("/a", "1");
    await client.put("/a", "2");
    store.compactedRevision = 2;
    await expect(client.watch("/a", { fromRevision: 1 }).next()).rejects.toMatchObject({ code: "COMPACTED" });
    await using watch = client.watch("/a", { fromRevision: 2 });
    expect(await take(watch, 1)).toMatchObject([{ revision: 2 }]);
  });

  it("begins its initial entries again when they are compacted before the last of them, but not for ever", async () => {
    const { client, members } = await cluster(1);
    const [node] = members;
    if (node === undefined) throw new Error("no node");
    for (let i = 1; i <= 5; i++) await client.put(`/a/${i}`, "x");
    node.initialPageEntries = 2;
    node.compactInitial = 2;
    await using watch = client.watch("/a", { recursive: true, initial: true });
    const events = await take(watch, 5);
    expect(events.map(({ path, initial }) => [path, initial])).toEqual(
      [1, 2, 3, 4, 5].map((i) => [`/a/${i}`, true]),
    );
    expect(node.watchCreates).toHaveLength(3);
    node.compactInitial = Number.POSITIVE_INFINITY;
    const overtaken = client.watch("/a", { recursive: true, initial: true });
    await expect(overtaken.next()).rejects.toMatchObject({ code: "COMPACTED" });
    expect(node.watchCreates).toHaveLength(3 + bounds.watchRelistAttemptsMax);
  });

  it("waits for a node that has not heard of the start revision yet", async () => {
    const { client } = await cluster(1);
    await using watch = client.watch("/a", { fromRevision: 3 });
    const events = take(watch, 1);
    for (const value of ["1", "2", "3"]) {
      await client.put("/a", value);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(await events).toMatchObject([{ revision: 3 }]);
  });

  it.each([ErrorCode.UNAVAILABLE, ErrorCode.CANCELLED])(
    "goes on when a server ends it with code %i",
    async (code) => {
      const { client, members } = await cluster(1);
      await using watch = client.watch("/a", { fromRevision: 1 });
      await client.put("/a", "1");
      await take(watch, 1);
      for (const node of members) node.endWatches(code);
      await client.put("/a", "2");
      expect(await take(watch, 1)).toMatchObject([{ revision: 2 }]);
    },
  );

  it("fails with NoQuorum when it is to wait no longer and no node serves it, having delivered what it got", async () => {
    const { client, members } = await cluster(2);
    await using patient = client.watch("/a", { fromRevision: 1 });
    const watch = client.watch("/a", { fromRevision: 1, unservedTimeoutMs: 200 });
    await client.put("/a", "1");
    await until(() => members.some((node) => node.watchCreates.length >= 2));
    for (const node of members) node.refuseWatch = ErrorCode.NO_QUORUM;
    for (const node of members) node.endWatches(ErrorCode.NO_QUORUM);
    expect(await take(watch, 1)).toMatchObject([{ revision: 1 }]);
    await expect(watch.next()).rejects.toMatchObject({ code: "NO_QUORUM" });
    for (const node of members) node.refuseWatch = undefined;
    await client.put("/a", "2");
    expect(await take(patient, 2)).toMatchObject([{ revision: 1 }, { revision: 2 }]);
    expect(() => client.watch("/a", { unservedTimeoutMs: 0 })).toThrow(/unservedTimeoutMs/);
  });

  it("goes to a node that came back rather than stay with those that have no quorum", async () => {
    const { client, members } = await cluster(3);
    const [gone, ...cutOff] = members;
    if (gone === undefined) throw new Error("no node");
    for (const node of cutOff) node.refuseWatch = ErrorCode.NO_QUORUM;
    gone.stop();
    await using watch = client.watch("/a", { fromRevision: 1 });
    // Long enough for the one that is gone to be left alone for a while.
    await until(() => cutOff.reduce((sum, node) => sum + node.watchCreates.length, 0) >= 8);
    await client.put("/a", "1");
    await gone.start();
    expect(await take(watch, 1)).toMatchObject([{ revision: 1 }]);
    expect(gone.watchCreates).toHaveLength(1);
  });

  it("delivers only the kinds of events asked for", async () => {
    const { client, members } = await cluster(1);
    await using puts = client.watch("/a", { fromRevision: 1, events: ["put"] });
    await using deletes = client.watch("/a", { fromRevision: 1, events: ["delete"] });
    await client.put("/a", "1");
    await client.delete("/a");
    await client.put("/a", "2");
    await client.delete("/a");
    expect((await take(puts, 2)).map(({ kind, revision }) => [kind, revision])).toEqual([
      ["put", 1],
      ["put", 3],
    ]);
    expect((await take(deletes, 2)).map(({ kind, revision }) => [kind, revision])).toEqual([
      ["delete", 2],
      ["delete", 4],
    ]);
    expect(members[0]?.watchCreates.map(({ exclude }) => exclude)).toEqual([
      [EventKind.DELETE],
      [EventKind.PUT],
    ]);
    expect(() => client.watch("/a", { events: [] })).toThrow(/events/);
  });

  it.each(["fail", "relist"] as const)(
    "delivers no initial entries, which are puts, when deletes alone are asked for, onCompacted: %s",
    async (onCompacted) => {
      const { client } = await cluster(1);
      await client.put("/a", "1");
      await using deletes = client.watch("/a", { initial: true, events: ["delete"], onCompacted });
      const taken = take(deletes, 1);
      await until(() => deletes.revision === 1);
      await client.put("/a", "2");
      await client.delete("/a");
      expect(await taken).toMatchObject([{ kind: "delete", revision: 3 }]);
    },
  );

  it("says how far it was taken, and marks that when nothing happens, if asked to", async () => {
    const { client, store, members } = await cluster(1);
    const watch = client.watch("/a", { fromRevision: 1, progress: true });
    await using silent = client.watch("/a", { fromRevision: 1 });
    await until(() => members[0]?.watchCreates.length === 2);
    store.apply(putOf("/a"));
    store.apply(putOf("/a"));
    store.apply(putOf("/b"));
    await until(() => silent.revision === 0);
    for (const node of members) for (let i = 0; i < 3; i++) node.markProgress();
    expect(watch.revision).toBe(0);
    expect((await watch.next()).value).toMatchObject({ kind: "put", revision: 1 });
    expect(watch.revision).toBe(1);
    expect((await watch.next()).value).toMatchObject({ kind: "put", revision: 2 });
    expect((await watch.next()).value).toEqual({ kind: "progress", revision: 3 });
    expect(watch.revision).toBe(3);
    expect(await take(silent, 2)).toMatchObject([{ revision: 1 }, { revision: 2 }]);
    await watch.return();
  });

  it.each(["fail", "relist"] as const)(
    "still says how far it was taken once the loop is left, whatever had come in (onCompacted: %s)",
    async (onCompacted) => {
      const { client, store, members } = await cluster(1);
      const watch = client.watch("/a", { fromRevision: 1, onCompacted });
      const first = take(watch, 1);
      await until(() => members[0]?.watchCreates.length === 1);
      await using later = client.watch("/a", { fromRevision: 1 });
      await until(() => members[0]?.watchCreates.length === 2);
      for (let i = 0; i < 3; i++) store.apply(putOf("/a"));
      expect(await first).toMatchObject([{ revision: 1 }]);
      // On the same stream, and started later: what it has, the other has too.
      expect(await take(later, 3)).toHaveLength(3);
      await watch.return();
      expect(watch.revision).toBe(1);
      await watch.return();
      expect(watch.revision).toBe(1);
    },
  );

  it("says the revision of the mark that comes next, not that of the events behind it", async () => {
    const { client, store, members } = await cluster(1);
    await using watch = client.watch("/a", { fromRevision: 1, progress: true });
    await using second = client.watch("/a", { fromRevision: 1 });
    await until(() => members[0]?.watchCreates.length === 2);
    store.apply(putOf("/b"));
    members[0]?.markProgress();
    store.apply(putOf("/a"));
    store.apply(putOf("/a"));
    // On the same stream, and started later: what it has, the other has too.
    expect(await take(second, 2)).toHaveLength(2);
    expect(watch.revision).toBe(1);
    expect((await watch.next()).value).toEqual({ kind: "progress", revision: 1 });
    expect(watch.revision).toBe(1);
  });

  it("pauses at the server when its consumer lags, and loses nothing", async () => {
    const { client, store, members } = await cluster(1);
    await using lagging = client.watch("/a", { recursive: true, fromRevision: 1 });
    const count = bounds.watchBufferEventsMax + 500;
    for (let i = 0; i < count; i++) store.apply(putOf(`/a/${i}`));
    await until(() => (members[0]?.watchCreates.length ?? 0) === 1);
    await using quick = client.watch("/b", { fromRevision: 1 });
    await client.put("/b", "1");
    expect(await take(quick, 1)).toHaveLength(1);
    const events = await take(lagging, count);
    expect(events.map((event) => event.revision)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(members[0]?.watchCreates.length).toBeGreaterThan(2);
  });

  it("is paused by the bytes that wait for its consumer as well", async () => {
    vi.spyOn(bounds, "watchBufferBytesMax", "get").mockReturnValue(2_000);
    const { client, store, members } = await cluster(1);
    await using lagging = client.watch("/a", { recursive: true, fromRevision: 1 });
    for (let i = 0; i < 20; i++) store.apply(putOf(`/a/${i}`, 500));
    await until(() => (members[0]?.watchCreates.length ?? 0) === 1);
    await using quick = client.watch("/b", { fromRevision: 1 });
    await client.put("/b", "1");
    expect(await take(quick, 1)).toHaveLength(1);
    const events = await take(lagging, 20);
    expect(events.map(({ revision }) => revision)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(members[0]?.watchCreates.length).toBeGreaterThan(2);
  });

  it("fails with TOO_LARGE when its initial entries take more than their bound", async () => {
    vi.spyOn(bounds, "watchInitialBytesMax", "get").mockReturnValue(2_000);
    const { client, store } = await cluster(1);
    for (let i = 0; i < 3; i++) store.apply(putOf(`/a/${i}`, 300));
    await using watch = client.watch("/a", { recursive: true, initial: true });
    expect(await take(watch, 3)).toHaveLength(3);
    store.apply(putOf("/a/3", 300));
    const large = client.watch("/a", { recursive: true, initial: true });
    await expect(large.next()).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("fails with TOO_LARGE when one revision that comes in parts takes more than its bound", async () => {
    vi.spyOn(bounds, "watchRevisionBytesMax", "get").mockReturnValue(1_000);
    const { client, store, members } = await cluster(1);
    for (const node of members) node.replyEvents = 1;
    await using watch = client.watch("/a", { recursive: true, fromRevision: 1 });
    store.apply(revisionOf(["/a/1", "/a/2", "/a/3"]));
    expect(await take(watch, 3)).toHaveLength(3);
    store.apply(revisionOf(["/a/1", "/a/2", "/a/3", "/a/4", "/a/5"]));
    await expect(watch.next()).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("ends with Cancelled on abort, Closed with its client, and quietly when left", async () => {
    const { client } = await cluster(1);
    const abort = new AbortController();
    const aborted = client.watch("/a", { signal: abort.signal }).next();
    const closed = client.watch("/a").next();
    const left = client.watch("/a");
    const done = left.next();
    const fails = Promise.all([
      expect(aborted).rejects.toMatchObject({ code: "CANCELLED" }),
      expect(closed).rejects.toMatchObject({ code: "CLOSED" }),
    ]);
    abort.abort();
    await left.return();
    expect(await done).toEqual({ done: true, value: undefined });
    await client.close();
    await fails;
  });
});

function putOf(path: string, bytes = 0): Parameters<FakeStore["apply"]>[0] {
  return {
    case: "put",
    value: {
      $typeName: "quorate.v1.PutRequest",
      path,
      value: new Uint8Array(bytes),
      leaseId: 0n,
      sequential: false,
      returnPrevious: false,
    },
  };
}

/** Puts of all of the keys at one revision. */
function revisionOf(paths: readonly string[]): Parameters<FakeStore["apply"]>[0] {
  const then = paths.map((path) => ({ operation: { case: "put" as const, value: { path } } }));
  return { case: "txn", value: create(TxnRequestSchema, { then }) };
}
