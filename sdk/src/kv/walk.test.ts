import { describe, expect, it } from "vitest";
import { Compacted } from "../errors/quorate-error.js";
import { Entry } from "./entry.js";
import type { ListOptions, ReadOptions } from "./options.js";
import type { Listing } from "./outcome.js";
import { type WalkedClient, walkSubtree } from "./walk.js";

/** Pages of two, and a history that can be cut. */
class Pages implements WalkedClient {
  readonly revision = 7;
  readonly asked: (number | undefined)[] = [];
  compacted = false;
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  async get(path: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    this.asked.push(options.revision);
    return this.#paths.includes(path) ? entry(path) : undefined;
  }

  async list(path: string, options: ListOptions = {}): Promise<Listing> {
    this.asked.push(options.revision);
    if (this.compacted) throw new Compacted("revision 7 was compacted", 9);
    const prefix = path === "/" ? "/" : `${path}/`;
    const below = this.#paths.filter((other) => other.startsWith(prefix) && other > (options.after ?? ""));
    const nodes = below.slice(0, 2).map((each) => ({ path: each, entry: entry(each), childCount: 0 }));
    return { revision: this.revision, nodes, more: below.length > 2 };
  }
}

function entry(path: string): Entry {
  return new Entry({
    $typeName: "quorate.v1.Entry",
    path,
    value: new Uint8Array(),
    createRevision: 1n,
    modRevision: 1n,
    version: 1n,
    leaseId: 0n,
    valueOmitted: false,
  });
}

describe("a walk", () => {
  it("reads a key and all below it, every page as of the revision of the first", async () => {
    const client = new Pages(["/a", "/a/1", "/a/2", "/a/3", "/a/4", "/a/5"]);
    const walk = walkSubtree(client, "/a", {});
    expect(walk.revision).toBeUndefined();
    const paths: string[] = [];
    for await (const { path } of walk) paths.push(path);
    expect(paths).toEqual(["/a", "/a/1", "/a/2", "/a/3", "/a/4", "/a/5"]);
    expect(walk.revision).toBe(7);
    expect(client.asked).toEqual([undefined, 7, 7, 7]);
  });

  it("of the past stays there: the key and every page are read as of the revision asked for", async () => {
    const client = new Pages(["/a", "/a/1", "/a/2", "/a/3"]);
    const walk = walkSubtree(client, "/a", { revision: 5 });
    const paths: string[] = [];
    for await (const { path } of walk) paths.push(path);
    expect(paths).toEqual(["/a", "/a/1", "/a/2", "/a/3"]);
    expect(walk.revision).toBe(5);
    expect(client.asked).toEqual([5, 5, 5]);
  });

  it("reads no page before it is asked for", async () => {
    const client = new Pages(["/1", "/2", "/3", "/4"]);
    const walk = walkSubtree(client, "/", { revision: 5 });
    expect(client.asked).toEqual([]);
    await walk.next();
    await walk.next();
    expect(client.asked).toEqual([5]);
    await walk.next();
    expect(client.asked).toEqual([5, 5]);
    await walk.return?.();
    expect(client.asked).toEqual([5, 5]);
  });

  it("says where it was when its revision is compacted", async () => {
    const client = new Pages(["/a/1", "/a/2", "/a/3"]);
    const walk = walkSubtree(client, "/a", {});
    await walk.next();
    client.compacted = true;
    await walk.next();
    await expect(walk.next()).rejects.toMatchObject({
      code: "COMPACTED",
      revision: 9,
      message: expect.stringMatching(/walk \/a: revision 7 was compacted .* at \/a\/2/),
    });
  });
});
