import { describe, expect, it } from "vitest";
import type { Range } from "./command.js";
import { del, put, seeded, TestMachine } from "./machine.test-support.js";

function machineWith(keys: string[]): TestMachine {
  const t = new TestMachine();
  for (const key of keys) t.run(put(key, key));
  return t;
}

function children(t: TestMachine, path: string, options: Partial<Range> & { after?: string } = {}) {
  const { after, ...rest } = options;
  const directory = path === "/" ? "/" : `${path}/`;
  const key = after === undefined ? directory : `${after}\0`;
  return t.range(key, { end: `${directory.slice(0, -1)}0`, childrenOf: directory, ...rest });
}

const listed = (t: TestMachine, path: string, options: Partial<Range> & { after?: string } = {}) =>
  children(t, path, options).entries.map(({ key, entry, childCount }) => [
    key,
    entry !== undefined,
    childCount,
  ]);

describe("children of a directory", () => {
  it("are its keys and directories, each once, with the number of their own children", () => {
    const t = machineWith(["/a", "/a/x", "/a/x/deep", "/a/y", "/b/one/two", "/c"]);
    expect(listed(t, "/")).toEqual([
      ["/a", true, 2],
      ["/b", false, 1],
      ["/c", true, 0],
    ]);
    expect(listed(t, "/a")).toEqual([
      ["/a/x", true, 1],
      ["/a/y", true, 0],
    ]);
    expect(listed(t, "/b/one/two")).toEqual([]);
  });

  it("come in the order of their names, where keys would put a subtree behind its siblings", () => {
    const t = machineWith(["/d/a", "/d/a-b", "/d/a/c", "/d/p-q", "/d/p/r", "/d/p.s"]);
    expect(listed(t, "/d")).toEqual([
      ["/d/a", true, 1],
      ["/d/a-b", true, 0],
      ["/d/p", false, 1],
      ["/d/p-q", true, 0],
      ["/d/p.s", true, 0],
    ]);
    expect(listed(t, "/")).toEqual([["/d", false, 5]]);
  });

  it("come in pages", () => {
    const t = machineWith(["/d/a", "/d/a-b", "/d/a/c", "/d/p-q", "/d/p/r"]);
    const first = children(t, "/d", { limit: 2 });
    expect([first.entries.map(({ key }) => key), first.more, first.count]).toEqual([
      ["/d/a", "/d/a-b"],
      true,
      2,
    ]);
    const second = children(t, "/d", { limit: 2, after: "/d/a-b" });
    expect([second.entries.map(({ key }) => key), second.more]).toEqual([["/d/p", "/d/p-q"], false]);
    expect(children(t, "/d", { limit: 2, after: "/d/p-q" }).entries).toEqual([]);
  });

  it("are counted, or come without values, on request", () => {
    const t = machineWith(["/d/a", "/d/b/c"]);
    expect(children(t, "/d", { countOnly: true })).toMatchObject({ entries: [], count: 2, more: false });
    expect(children(t, "/d", { keysOnly: true }).entries[0]?.entry?.value).toHaveLength(0);
  });

  it("can be read as of an earlier revision", () => {
    const t = machineWith(["/d/a", "/d/b/c"]);
    t.run(del("/d/b/c"));
    t.run(put("/d/e"));
    expect(listed(t, "/d")).toEqual([
      ["/d/a", true, 0],
      ["/d/e", true, 0],
    ]);
    expect(listed(t, "/d", { revision: 2 })).toEqual([
      ["/d/a", true, 0],
      ["/d/b", false, 1],
    ]);
  });

  it("agree with a naive listing of random trees, in pages of any size", () => {
    const random = seeded(11);
    const names = ["a", "a-", "a-b", "a.", "b", "b!x", "ab", "a0"];
    for (let round = 0; round < 60; round += 1) {
      const keys = new Set<string>();
      for (let i = 0; i < 25; i += 1) {
        const depth = 1 + Math.floor(random() * 3);
        let key = "";
        for (let level = 0; level < depth; level += 1)
          key += `/${names[Math.floor(random() * names.length)]}`;
        keys.add(key);
      }
      const t = machineWith([...keys]);
      for (const path of ["/", "/a", "/b", "/a-/a"]) {
        const expected = naiveChildren(keys, path);
        const limit = 1 + Math.floor(random() * 3);
        const found: unknown[] = [];
        let after: string | undefined;
        for (;;) {
          const page = children(t, path, after === undefined ? { limit } : { limit, after });
          found.push(
            ...page.entries.map(({ key, entry, childCount }) => [key, entry !== undefined, childCount]),
          );
          after = page.entries[page.entries.length - 1]?.key;
          if (!page.more) break;
        }
        expect(found).toEqual(expected);
      }
    }
  });
});

function childNames(keys: Set<string>, directory: string): string[] {
  const names = new Set<string>();
  for (const key of keys) {
    if (key.startsWith(directory)) names.add(key.slice(directory.length).split("/")[0] ?? "");
  }
  return [...names].sort();
}

function naiveChildren(keys: Set<string>, path: string): unknown[] {
  const directory = path === "/" ? "/" : `${path}/`;
  return childNames(keys, directory).map((name) => {
    const key = directory + name;
    return [key, keys.has(key), childNames(keys, `${key}/`).length];
  });
}
