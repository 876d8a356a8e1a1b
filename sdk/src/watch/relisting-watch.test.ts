import { ErrorCode } from "@quorate/proto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connect } from "../client/connect.js";
import { bounds } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import { FakeStore } from "../session/fake-store.test-server.js";
import type { Watch, WatchEvent, WatchOptions } from "./watch-event.js";

const nodes: FakeNode[] = [];
const clients: Quorate[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const node of nodes.splice(0)) node.stop();
});

async function start(): Promise<{ store: FakeStore; node: FakeNode; client: Quorate }> {
  const store = new FakeStore();
  const node = await new FakeNode(store).start();
  nodes.push(node);
  const client = await connect(node.endpoint);
  clients.push(client);
  return { store, node, client };
}

const relist = { recursive: true, onCompacted: "relist" } as const;

async function take(watch: Watch, count: number): Promise<[string, string, boolean][]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const next = await watch.next();
    if (next.done === true) break;
    events.push(next.value);
  }
  return events.map(({ kind, path, synthesized }) => [kind, path, synthesized]);
}

/** While no watch is served, changes are made and their history is compacted. */
async function missing(node: FakeNode, change: () => Promise<unknown>): Promise<void> {
  node.refuseWatch = ErrorCode.UNAVAILABLE;
  node.endWatches(ErrorCode.UNAVAILABLE);
  await change();
  node.store.compactedRevision = node.store.revision;
  node.refuseWatch = undefined;
}

describe("a watch that relists", () => {
  it.each<[string, WatchOptions]>([
    ["initial entries", { initial: true }],
    ["now on", {}],
    ["a revision", { fromRevision: 4 }],
    [
      "a revision, with what was known",
      { fromRevision: 4, knownPaths: ["/a/kept", "/a/gone", "/a/changed"] },
    ],
  ])("from %s delivers what it missed as the difference, then goes on", async (_name, options) => {
    const { node, client } = await start();
    await client.put("/a/kept", "1");
    await client.put("/a/gone", "1");
    await client.put("/a/changed", "1");
    await using watch = client.watch("/a", { ...relist, ...options });
    if (options.initial === true) expect(await take(watch, 3)).toHaveLength(3);
    const first = take(watch, 1);
    while (node.watchCreates.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await client.put("/a/seen", "1");
    expect(await first).toEqual([["put", "/a/seen", false]]);
    await missing(node, async () => {
      await client.put("/a/changed", "2");
      await client.delete("/a/gone");
      await client.put("/a/new", "1");
      await client.put("/a/passing", "1");
      await client.delete("/a/passing");
      await client.put("/b", "elsewhere");
    });
    expect(await take(watch, 3)).toEqual([
      ["put", "/a/changed", true],
      ["put", "/a/new", true],
      ["delete", "/a/gone", true],
    ]);
    await client.put("/a/kept", "2");
    await client.delete("/a/seen");
    expect(await take(watch, 2)).toEqual([
      ["put", "/a/kept", false],
      ["delete", "/a/seen", false],
    ]);
    expect(watch.revision).toBe(node.store.revision);
  });

  it("whose start was compacted delivers what changed since, and with known paths what is gone", async () => {
    const { store, client } = await start();
    await client.put("/a/old", "1");
    await client.put("/a/gone", "1");
    await client.put("/a/new", "1");
    await client.delete("/a/gone");
    store.compactedRevision = store.revision;
    await using plain = client.watch("/a", { ...relist, fromRevision: 3 });
    expect(await take(plain, 1)).toEqual([["put", "/a/new", true]]);
    await using knowing = client.watch("/a", {
      ...relist,
      fromRevision: 3,
      knownPaths: ["/a/old", "/a/gone"],
    });
    expect(await take(knowing, 2)).toEqual([
      ["put", "/a/new", true],
      ["delete", "/a/gone", true],
    ]);
  });

  it("delivers of the difference only the kinds asked for", async () => {
    const { node, client } = await start();
    await client.put("/a/gone", "1");
    await using puts = client.watch("/a", { ...relist, events: ["put"], fromRevision: 2 });
    await using deletes = client.watch("/a", { ...relist, events: ["delete"], fromRevision: 2 });
    const [put, deleted] = [take(puts, 1), take(deletes, 1)];
    while (node.watchCreates.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await missing(node, async () => {
      await client.put("/a/new", "1");
      await client.delete("/a/gone");
    });
    expect(await put).toEqual([["put", "/a/new", true]]);
    expect(await deleted).toEqual([["delete", "/a/gone", true]]);
  });

  it("begins its reading again when that is compacted meanwhile, and delivers nothing twice", async () => {
    const { store, client } = await start();
    const count = bounds.listPageNodes + 1;
    for (let i = 0; i < count; i++) await client.put(`/a/${String(i).padStart(5, "0")}`, "1");
    store.compactedRevision = store.revision;
    await using watch = client.watch("/a", { ...relist, fromRevision: 1, knownPaths: [] });
    expect(await take(watch, 1)).toHaveLength(1);
    await client.put("/b", "1");
    store.compactedRevision = store.revision;
    const rest = await take(watch, count - 1);
    const expected = Array.from({ length: count - 1 }, (_, i) => `/a/${String(i + 1).padStart(5, "0")}`);
    expect(rest.map(([, path]) => path)).toEqual(expected);
  });

  it("watches one key as well", async () => {
    const { node, client } = await start();
    await client.put("/a", "1");
    await using watch = client.watch("/a", { onCompacted: "relist", initial: true });
    expect(await take(watch, 1)).toEqual([["put", "/a", false]]);
    const and = async (change: Promise<unknown>): Promise<void> => {
      await change;
      await client.put("/b", "compacted up to here");
    };
    await missing(node, () => and(client.put("/a", "2")));
    expect(await take(watch, 1)).toEqual([["put", "/a", true]]);
    await missing(node, () => and(client.delete("/a")));
    expect(await take(watch, 1)).toEqual([["delete", "/a", true]]);
  });

  it("fails with a typed error rather than remember more than its bound", async () => {
    const { client } = await start();
    vi.spyOn(bounds, "watchKnownBytesMax", "get").mockReturnValue(1_000);
    await Promise.all(Array.from({ length: 10 }, (_, i) => client.put(`/a/${i}`, "1")));
    const watch = client.watch("/a", { ...relist, initial: true });
    await expect(take(watch, 10)).rejects.toMatchObject({
      code: "TOO_LARGE",
      message: expect.stringContaining("watchKnownBytesMax"),
    });
  });

  it("ends quietly when left, with Cancelled on abort, and refuses options that contradict each other", async () => {
    const { client } = await start();
    const left = client.watch("/a", relist);
    const done = left.next();
    await left.return();
    expect(await done).toEqual({ done: true, value: undefined });
    const abort = new AbortController();
    const aborted = client.watch("/a", { ...relist, signal: abort.signal }).next();
    const fails = expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
    abort.abort();
    await fails;
    expect(() => client.watch("/a", { ...relist, knownPaths: [] })).toThrow(/knownPaths/);
  });
});
