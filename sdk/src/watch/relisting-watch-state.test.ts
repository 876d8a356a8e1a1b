import { describe, expect, it } from "vitest";
import { Compacted, Unavailable } from "../errors/quorate-error.js";
import { Entry } from "../kv/entry.js";
import type { ListOptions, ReadOptions } from "../kv/options.js";
import type { Listing } from "../kv/outcome.js";
import { type RelistedClient, RelistingWatch } from "./relisting-watch.js";
import type { Watch, WatchEvent } from "./watch-event.js";
import type { Delivered, WatcherOptions } from "./watcher.js";

/** A store that keeps every revision, whose answers say what a server's do, and whose reads can be made to fail. */
class Versions implements RelistedClient {
  readonly requestTimeoutMs = 1_000;
  /** Asked before each read; throws to make it fail. */
  onRead: (read: { kind: "get" | "list"; revision: number | undefined }) => void = () => undefined;
  compactedRevision = 0;
  /** Nodes in a page of a list, at most. */
  pageNodes = 1_000;
  readonly #changes: { readonly path: string; readonly deleted: boolean }[] = [];

  get revision(): number {
    return this.#changes.length;
  }

  put(path: string): void {
    this.#changes.push({ path, deleted: false });
  }

  delete(path: string): void {
    this.#changes.push({ path, deleted: true });
  }

  async get(path: string, { revision }: ReadOptions = {}): Promise<Entry | undefined> {
    this.#check("get", revision);
    return this.#asOf(revision).get(path);
  }

  async list(path: string, options: ListOptions = {}): Promise<Listing> {
    this.#check("list", options.revision);
    const prefix = path === "/" ? "/" : `${path}/`;
    const below = [...this.#asOf(options.revision)]
      .filter(([other]) => other.startsWith(prefix) && other > (options.after ?? ""))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const nodes = below
      .slice(0, this.pageNodes)
      .map(([each, entry]) => ({ path: each, entry, childCount: 0 }));
    // The store's revision, also for a read of the past.
    return { revision: this.revision, nodes, more: nodes.length < below.length };
  }

  plainWatch(path: string, options: WatcherOptions): Watch<Delivered> {
    return new PlainWatch(this.#events(path, options.fromRevision ?? this.revision + 1), options);
  }

  async *#events(path: string, from: number): AsyncGenerator<WatchEvent, void, undefined> {
    if (from < this.compactedRevision) throw new Compacted(`revision ${from}`, this.compactedRevision);
    for (const [i, change] of this.#changes.entries()) {
      const revision = i + 1;
      if (revision < from || !(change.path === path || change.path.startsWith(`${path}/`))) continue;
      yield {
        kind: change.deleted ? "delete" : "put",
        path: change.path,
        entry: change.deleted ? undefined : entryAt(change.path, revision),
        previous: undefined,
        revision,
        initial: false,
        synthesized: false,
      };
    }
  }

  #check(kind: "get" | "list", revision: number | undefined): void {
    this.onRead({ kind, revision });
    if (revision === undefined || revision >= this.compactedRevision) return;
    throw new Compacted(`revision ${revision} was compacted`, this.compactedRevision);
  }

  #asOf(revision = this.revision): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const [i, { path, deleted }] of this.#changes.slice(0, revision).entries()) {
      if (deleted) entries.delete(path);
      else entries.set(path, entryAt(path, i + 1, entries.get(path)?.createRevision));
    }
    return entries;
  }
}

/** The changes there are, without those to come. */
class PlainWatch implements Watch<Delivered> {
  readonly #events: AsyncGenerator<WatchEvent, void, undefined>;
  readonly #options: WatcherOptions;
  #taken: number | undefined;

  constructor(events: AsyncGenerator<WatchEvent, void, undefined>, options: WatcherOptions) {
    this.#events = events;
    this.#options = options;
    this.#taken = options.fromRevision === undefined ? undefined : options.fromRevision - 1;
  }

  get history(): string | undefined {
    return undefined;
  }

  get revision(): number | undefined {
    return this.#taken;
  }

  async next(): Promise<IteratorResult<Delivered>> {
    for (;;) {
      const next = await this.#events.next();
      if (next.done === true) return next;
      this.#taken = next.value.revision;
      if (this.#options.events?.includes(next.value.kind) ?? true) return next;
    }
  }

  async return(): Promise<IteratorResult<Delivered>> {
    return await this.#events.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function entryAt(path: string, revision: number, createRevision = revision): Entry {
  return new Entry({
    $typeName: "quorate.v1.Entry",
    path,
    value: new Uint8Array(),
    createRevision: BigInt(createRevision),
    modRevision: BigInt(revision),
    version: 1n,
    leaseId: 0n,
    valueOmitted: false,
  });
}

type Seen = readonly [kind: string, path: string, revision: number, synthesized: boolean];

/** Everything that a watch delivers until it has delivered all there is. */
async function all(watch: RelistingWatch): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const event of watch) {
    if (event.kind !== "progress") seen.push([event.kind, event.path, event.revision, event.synthesized]);
  }
  return seen;
}

describe("a watch that relists, from a revision of the past,", () => {
  it.each([true, false])("delivers every event since, recursive: %s", async (recursive) => {
    const store = new Versions();
    store.put("/a");
    store.put("/b");
    store.delete("/a");
    store.put("/a");
    const watch = new RelistingWatch(store, "/a", { recursive, fromRevision: 2 });
    expect(await all(watch)).toEqual([
      ["delete", "/a", 3, false],
      ["put", "/a", 4, false],
    ]);
  });

  it.each([true, false])("knows what existed then, not what exists now, recursive: %s", async (recursive) => {
    const store = new Versions();
    store.put("/a");
    store.put("/b");
    store.delete("/a");
    const watch = new RelistingWatch(store, "/a", { recursive, fromRevision: 3 });
    // What it starts with has been read by the time the history after it is gone.
    await new Promise((resolve) => setImmediate(resolve));
    store.put("/b");
    store.compactedRevision = 4;
    const { value } = await watch.next();
    expect(value).toMatchObject({ kind: "delete", path: "/a", synthesized: true });
    await watch.return();
  });
});

describe("a watch that relists, from the oldest revision of history,", () => {
  function overwritten(): Versions {
    const store = new Versions();
    store.put("/a/kept");
    store.put("/a/gone");
    store.delete("/a/gone");
    store.compactedRevision = 3;
    return store;
  }

  /** Deletes /a/kept once the watch has begun, and compacts that: only who knew of the key can tell. */
  async function expectKeptKnown(store: Versions): Promise<void> {
    const watch = new RelistingWatch(store, "/a", { recursive: true, fromRevision: 3 });
    await new Promise((resolve) => setImmediate(resolve));
    store.delete("/a/kept");
    store.compactedRevision = 4;
    const { value } = await watch.next();
    expect(value).toMatchObject({ kind: "delete", path: "/a/kept", revision: 4, synthesized: true });
    await watch.return();
  }

  it("delivers its events, and no difference", async () => {
    const store = overwritten();
    store.put("/a/new");
    const watch = new RelistingWatch(store, "/a", { recursive: true, fromRevision: 3 });
    expect(await all(watch)).toEqual([
      ["delete", "/a/gone", 3, false],
      ["put", "/a/new", 4, false],
    ]);
  });

  it("knows what existed before, when that is compacted after all", async () => {
    const store = overwritten();
    await expectKeptKnown(store);
  });

  it("knows what existed before and was overwritten in it, too", async () => {
    const store = new Versions();
    store.put("/a/kept");
    store.put("/b");
    store.put("/a/kept");
    store.compactedRevision = 3;
    await expectKeptKnown(store);
  });

  it("delivers a change of that revision that is compacted before it was delivered", async () => {
    const store = new Versions();
    store.put("/b");
    store.put("/a/new");
    store.compactedRevision = 2;
    const watch = new RelistingWatch(store, "/a", { recursive: true, fromRevision: 2 });
    await new Promise((resolve) => setImmediate(resolve));
    store.put("/b");
    store.compactedRevision = 3;
    expect(await all(watch)).toEqual([["put", "/a/new", 3, true]]);
  });
});

describe("a relist", () => {
  it.each([true, false])(
    "whose very first reading is compacted begins again, recursive: %s",
    async (recursive) => {
      const store = new Versions();
      store.put("/a");
      store.put("/b");
      store.compactedRevision = 2;
      const watch = new RelistingWatch(store, "/a", { recursive, fromRevision: 1, knownPaths: [] });
      let gets = 0;
      store.onRead = ({ kind }) => {
        // Between the list that says the revision and the get as of it.
        if (kind !== "get" || ++gets > 1) return;
        store.put("/b");
        store.compactedRevision = 3;
      };
      expect(await all(watch)).toEqual([["put", "/a", 3, true]]);
      expect(gets).toBe(2);
    },
  );

  it("fails with what kept it from beginning, once it has waited as long as it is to", async () => {
    const store = new Versions();
    store.put("/a");
    store.put("/b");
    store.compactedRevision = 2;
    let reads = 0;
    store.onRead = () => {
      reads += 1;
      throw new Unavailable("no node");
    };
    const watch = new RelistingWatch(store, "/a", { fromRevision: 1, knownPaths: [], unservedTimeoutMs: 1 });
    await expect(all(watch)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    // One after the pause; a relist that waited anew for each of its attempts would have asked many times.
    expect(reads).toBeLessThanOrEqual(2);
  });

  it.each<[string, WatcherOptions["events"]]>([
    ["all kinds", undefined],
    ["puts alone", ["put"]],
  ])("that is compacted in the middle delivers nothing twice, of %s", async (_name, events) => {
    const store = new Versions();
    store.pageNodes = 2;
    for (let i = 1; i <= 5; i++) store.put(`/a/${i}`);
    store.compactedRevision = 5;
    const watch = new RelistingWatch(store, "/a", {
      recursive: true,
      fromRevision: 1,
      ...(events === undefined ? { knownPaths: [] } : { events }),
    });
    const seen: Seen[] = [];
    for await (const event of watch) {
      if (event.kind !== "progress") seen.push([event.kind, event.path, event.revision, event.synthesized]);
      if (seen.length !== 1) continue;
      store.put("/a/2");
      store.compactedRevision = 6;
    }
    expect(seen).toEqual([
      ["put", "/a/1", 5, true],
      ["put", "/a/2", 5, true],
      ["put", "/a/2", 6, true],
      ["put", "/a/3", 6, true],
      ["put", "/a/4", 6, true],
      ["put", "/a/5", 6, true],
    ]);
  });
});
