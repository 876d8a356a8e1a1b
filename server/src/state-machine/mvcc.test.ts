import { describe, expect, it } from "vitest";
import { del, put, range, TestMachine, textOf, txn } from "./machine.test-support.js";

const noEnd = { end: "" };

describe("revisions and versions", () => {
  it("raises the revision by one for each mutation", () => {
    const t = new TestMachine();
    expect(t.run(put("/a", "1"))).toMatchObject({ kind: "put", revision: 1, key: "/a" });
    expect(t.run(put("/b", "1"))).toMatchObject({ revision: 2 });
    expect(t.run(put("/a", "2"))).toMatchObject({ revision: 3 });
    expect(t.range("/a").entries[0]?.entry).toMatchObject({ createRevision: 1, modRevision: 3, version: 2 });
  });

  it("does not raise the revision for a delete of nothing, a read-only or an empty transaction", () => {
    const t = new TestMachine();
    t.run(put("/a"));
    expect(t.run(del("/none"))).toEqual({ kind: "delete", revision: 1, deleted: 0, previous: [] });
    expect(t.run(txn([], [range("/a")]))).toMatchObject({ kind: "txn", revision: 1 });
    expect(t.run(txn([], []))).toMatchObject({ revision: 1 });
    expect(t.machine.revision).toBe(1);
    expect(t.applied.changes).toEqual([]);
  });

  it("gives all changes of a transaction one revision, numbered in order", () => {
    const t = new TestMachine();
    t.run(put("/a"));
    t.run(txn([], [put("/x"), del("/a"), put("/y")]));
    expect(
      t.applied.changes.map(({ seq, revision, key, entry }) => [seq, revision, key, entry !== undefined]),
    ).toEqual([
      [2, 2, "/x", true],
      [3, 2, "/a", false],
      [4, 2, "/y", true],
    ]);
  });

  it("starts a key over when it is created again", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    t.run(put("/a", "2"));
    t.run(del("/a"));
    t.run(put("/a", "3"));
    expect(t.range("/a").entries[0]?.entry).toMatchObject({ createRevision: 4, modRevision: 4, version: 1 });
  });

  it("tells of each change what was there before", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    expect(t.applied.changes[0]?.previous).toBeUndefined();
    t.run(put("/a", "2"));
    expect(t.applied.changes[0]?.previous).toMatchObject({ modRevision: 1, version: 1 });
    t.run(del("/a"));
    expect(t.applied.changes[0]).toMatchObject({ entry: undefined, previous: { modRevision: 2 } });
  });

  it("returns what was replaced or deleted only when asked", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    expect(t.run(put("/a", "2", { returnPrevious: true }))).toMatchObject({ previous: { version: 1 } });
    expect(t.run(put("/a", "3"))).toMatchObject({ previous: undefined });
    expect(t.run(del("/a", { returnPrevious: true }))).toMatchObject({
      deleted: 1,
      previous: [{ version: 3 }],
    });
  });

  it("keeps the value or the lease on request, of a key that exists", () => {
    const t = new TestMachine();
    const lease = t.lease();
    t.run(put("/a", "1", { lease }));
    t.run(put("/a", "2", { ignoreLease: true }));
    expect(t.range("/a").entries[0]?.entry).toMatchObject({ lease, version: 2 });
    t.run(put("/a", "", { ignoreValue: true }));
    expect(t.text("/a")).toBe("2");
    expect(t.range("/a").entries[0]?.entry?.lease).toBe(0);
    expect(t.run(put("/b", "", { ignoreValue: true }))).toMatchObject({ code: "KEY_NOT_FOUND" });
    expect(t.run(put("/b", "1", { ignoreLease: true }))).toMatchObject({ code: "KEY_NOT_FOUND" });
    // The key before the lease: that it is missing too is beside the point.
    expect(t.run(put("/b", "", { ignoreValue: true, lease: 99 }))).toMatchObject({ code: "KEY_NOT_FOUND" });
    expect(t.run(put("/a", "", { ignoreValue: true, lease: 99 }))).toMatchObject({ code: "LEASE_NOT_FOUND" });
    const sequential = put("/a", "", { ignoreValue: true, sequential: true });
    expect(t.run(sequential)).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("names a sequential key after its own revision", () => {
    const t = new TestMachine();
    t.run(put("/a"));
    expect(t.run(put("/queue", "x", { sequential: true }))).toMatchObject({ key: "/queue/0000000000000002" });
    expect(t.range("/queue/0000000000000002").entries[0]?.entry?.createRevision).toBe(2);
  });

  it("refuses a sequential put whose name somebody took, so that name and token never differ", () => {
    const t = new TestMachine();
    t.run(put("/queue/0000000000000002"));
    expect(t.run(put("/queue", "x", { sequential: true }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.machine.revision).toBe(1);
  });

  it("deletes a key with its subtree and nothing beside it", () => {
    const t = new TestMachine();
    for (const key of ["/a", "/a-b", "/a/x", "/a/x/y", "/a0", "/b"]) t.run(put(key));
    expect(t.run(del("/a", { subtree: true }))).toMatchObject({ deleted: 3 });
    expect(t.range("/", noEnd).entries.map(({ key }) => key)).toEqual(["/a-b", "/a0", "/b"]);
  });
});

describe("ranges", () => {
  function filled(): TestMachine {
    const t = new TestMachine();
    for (const key of ["/a", "/b", "/c", "/d"]) t.run(put(key, key));
    return t;
  }

  it("takes its first key and leaves its end", () => {
    const t = filled();
    expect(t.range("/b", { end: "/d" }).entries.map(({ key }) => key)).toEqual(["/b", "/c"]);
    expect(t.range("/b", noEnd).count).toBe(3);
    expect(t.range("/c", { end: "/b" })).toMatchObject({ entries: [], count: 0, more: false });
  });

  it("counts past the limit and says that there is more", () => {
    const t = filled();
    expect(t.range("/a", { ...noEnd, limit: 2 })).toMatchObject({ count: 4, more: true });
    expect(t.range("/a", { ...noEnd, limit: 4 })).toMatchObject({ count: 4, more: false });
    expect(t.range("/a", { ...noEnd, limit: 1, countOnly: true })).toMatchObject({
      count: 4,
      entries: [],
      more: false,
    });
    t.run(del("/d"));
    expect(t.range("/a", { ...noEnd, limit: 2, revision: 4 })).toMatchObject({ count: 4, more: true });
    expect(t.range("/a", { ...noEnd, countOnly: true, revision: 4 })).toMatchObject({
      count: 4,
      entries: [],
    });
  });

  it("leaves values out when asked for keys only", () => {
    const t = filled();
    const [first] = t.range("/a", { ...noEnd, keysOnly: true }).entries;
    expect(first?.entry).toMatchObject({ key: "/a", version: 1 });
    expect(first?.entry?.value).toHaveLength(0);
    expect(t.text("/a")).toBe("/a");
  });

  it("reads as of an earlier revision, deleted keys included", () => {
    const t = filled();
    t.run(put("/b", "new"));
    t.run(del("/c"));
    const then = t.range("/a", { ...noEnd, revision: 4 });
    expect(then.revision).toBe(6);
    expect(then.entries.map(({ entry }) => textOf(entry?.value ?? new Uint8Array()))).toEqual([
      "/a",
      "/b",
      "/c",
      "/d",
    ]);
    expect(t.text("/c", 5)).toBe("/c");
    expect(t.text("/c", 6)).toBeUndefined();
    expect(t.text("/d", 3)).toBeUndefined();
  });

  it("refuses negative and future revisions", () => {
    const t = filled();
    expect(t.machine.read(range("/a", { revision: -1 }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.machine.read(range("/a", { revision: 5 }))).toMatchObject({
      code: "FUTURE_REVISION",
      revision: 4,
    });
  });

  it("reads versions from the history once the change log has dropped them", () => {
    const t = new TestMachine();
    t.run(put("/a", "first"));
    t.flush();
    for (let i = 0; i < 20_000; i += 1) t.run(put("/b", "x"));
    t.flush();
    expect(t.machine.changeLog.bySeq(1)).toBeUndefined();
    t.run(put("/a", "second"));
    expect(t.text("/a", 1)).toBe("first");
  });
});

describe("compaction", () => {
  function history(): TestMachine {
    const t = new TestMachine();
    for (let i = 1; i <= 5; i += 1) t.run(put("/a", String(i)));
    t.run(del("/a"));
    t.run(put("/b", "7"));
    return t;
  }

  it("keeps the compacted revision readable and nothing below it", () => {
    const t = history();
    expect(t.run({ kind: "compact", revision: 3 })).toEqual({ kind: "done", revision: 7 });
    expect(t.text("/a", 3)).toBe("3");
    expect(t.text("/a", 5)).toBe("5");
    expect(t.machine.read(range("/a", { revision: 2 }))).toMatchObject({ code: "COMPACTED", revision: 3 });
    expect(t.text("/b")).toBe("7");
  });

  it("refuses revisions that were compacted, have not happened or make no sense", () => {
    const t = history();
    t.run({ kind: "compact", revision: 3 });
    expect(t.run({ kind: "compact", revision: 3 })).toMatchObject({ code: "COMPACTED", revision: 3 });
    expect(t.run({ kind: "compact", revision: 8 })).toMatchObject({ code: "FUTURE_REVISION", revision: 7 });
    expect(t.run({ kind: "compact", revision: -1 })).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("forgets the rows of versions and deletes that no read and no watch can reach", () => {
    const t = history();
    t.run({ kind: "compact", revision: 3 });
    expect(t.machine.takeDelta().forgotten).toEqual([1]);
    t.run({ kind: "compact", revision: 7 });
    expect(t.machine.takeDelta().forgotten).toEqual([2, 3, 4, 5, 6]);
  });

  it("keeps a delete at the compacted revision, for a watch that starts there", () => {
    const t = history();
    t.run({ kind: "compact", revision: 6 });
    t.flush();
    t.restart();
    expect(t.machine.changeLog.from(6, 10).map(({ key, entry }) => [key, entry === undefined])).toEqual([
      ["/a", true],
      ["/b", false],
    ]);
  });

  it("forgets a key that was deleted and created again only up to its new life", () => {
    const t = history();
    t.run(put("/a", "again"));
    t.run({ kind: "compact", revision: 8 });
    expect(t.text("/a", 8)).toBe("again");
    expect(t.machine.takeDelta().forgotten).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
