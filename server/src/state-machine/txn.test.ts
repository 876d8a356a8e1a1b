import { describe, expect, it } from "vitest";
import {
  compare,
  compareValue,
  del,
  put,
  range,
  subtreeOf,
  TestMachine,
  txn,
} from "./machine.test-support.js";

describe("compares", () => {
  const succeeded = (t: TestMachine, ...compares: Parameters<typeof txn>[0]) => {
    const result = t.run(txn(compares, []));
    return result.kind === "txn" ? result.succeeded : result;
  };

  it("see a missing key as zero in every number", () => {
    const t = new TestMachine();
    for (const kind of ["version", "createRevision", "modRevision", "lease"] as const) {
      expect(succeeded(t, compare("/none", kind, "equal", 0))).toBe(true);
      expect(succeeded(t, compare("/none", kind, "greater", 0))).toBe(false);
      expect(succeeded(t, compare("/none", kind, "less", 1))).toBe(true);
    }
  });

  it("on the value of a missing key are false, whatever the relation", () => {
    const t = new TestMachine();
    for (const relation of ["equal", "notEqual", "less", "greater"] as const) {
      expect(succeeded(t, compareValue("/none", relation, ""))).toBe(false);
    }
  });

  it("compare values by bytes", () => {
    const t = new TestMachine();
    t.run(put("/a", "b"));
    expect(succeeded(t, compareValue("/a", "equal", "b"))).toBe(true);
    expect(succeeded(t, compareValue("/a", "notEqual", "b"))).toBe(false);
    expect(succeeded(t, compareValue("/a", "greater", "a\xff"))).toBe(true);
    expect(succeeded(t, compareValue("/a", "less", "b\0"))).toBe(true);
    expect(succeeded(t, compareValue("/a", "less", "b"))).toBe(false);
  });

  it("hold for a range when they hold for every key of it", () => {
    const t = new TestMachine();
    t.run(put("/a", "x"));
    t.run(put("/b", "x"));
    expect(succeeded(t, compareValue("/a", "equal", "x", "/c"))).toBe(true);
    t.run(put("/b", "y"));
    expect(succeeded(t, compareValue("/a", "equal", "x", "/c"))).toBe(false);
    expect(succeeded(t, compare("/x", "version", "equal", 0, ""))).toBe(true);
    expect(succeeded(t, compare("/a", "version", "greater", 0, ""))).toBe(true);
  });

  it("of a subtree cover the key and what is below it, and no sibling that sorts between", () => {
    const t = new TestMachine();
    const missing = subtreeOf(compare("/a", "version", "equal", 0));
    const exists = subtreeOf(compare("/a", "version", "greater", 0));
    const first = subtreeOf(compare("/a", "version", "equal", 1));
    for (const sibling of ["/a-b", "/a.b", "/a b/c", "/a!", "/a0", "/ab"]) {
      t.run(put(sibling));
      t.run(put(sibling));
    }
    expect(succeeded(t, missing)).toBe(true);
    expect(succeeded(t, exists)).toBe(false);
    t.run(put("/a/b"));
    expect(succeeded(t, missing)).toBe(false);
    expect(succeeded(t, first)).toBe(true);
    t.run(put("/a/z/z"));
    t.run(put("/a/z/z"));
    expect(succeeded(t, first)).toBe(false);
    t.run(del("/a/z/z"));
    t.run(put("/a"));
    expect(succeeded(t, first)).toBe(true);
    expect(succeeded(t, exists)).toBe(true);
    t.run(put("/a"));
    expect(succeeded(t, first)).toBe(false);
    t.run(del("/a/b"));
    expect(succeeded(t, exists)).toBe(true);
    expect(succeeded(t, first)).toBe(false);
    t.run(del("/a"));
    expect(succeeded(t, missing)).toBe(true);
  });

  it("must all hold", () => {
    const t = new TestMachine();
    t.run(put("/a"));
    const exists = compare("/a", "version", "equal", 1);
    expect(succeeded(t, exists, compare("/b", "version", "equal", 0))).toBe(true);
    expect(succeeded(t, exists, compare("/b", "version", "equal", 1))).toBe(false);
  });
});

describe("transactions", () => {
  it("apply one branch, and return a result for each operation", () => {
    const t = new TestMachine();
    const create = txn(
      [compare("/a", "version", "equal", 0)],
      [put("/a", "first")],
      [range("/a"), del("/a")],
    );
    expect(t.run(create)).toMatchObject({ succeeded: true, revision: 1, results: [{ kind: "put" }] });
    expect(t.run(create)).toMatchObject({
      succeeded: false,
      revision: 2,
      results: [
        { kind: "range", count: 1 },
        { kind: "delete", deleted: 1 },
      ],
    });
  });

  it("let each operation see the ones before it, and report the transaction's revision", () => {
    const t = new TestMachine();
    t.run(put("/a", "old"));
    expect(
      t.run(txn([], [range("/", { end: "0" }), put("/b", "new"), range("/", { end: "0" })])),
    ).toMatchObject({
      revision: 2,
      results: [{ revision: 1, count: 1 }, { revision: 2 }, { revision: 2, count: 2 }],
    });
  });

  it("read as of before themselves when a revision says so", () => {
    const t = new TestMachine();
    t.run(put("/a", "old"));
    const result = t.run(txn([], [put("/a", "new"), range("/a", { revision: 1 })]));
    expect(result).toMatchObject({ results: [{}, { entries: [{ entry: { modRevision: 1, version: 1 } }] }] });
  });

  it("decide nested compares on the state before the transaction", () => {
    const t = new TestMachine();
    const nested = txn(
      [compare("/a", "version", "equal", 0)],
      [put("/b", "was missing")],
      [put("/b", "was there")],
    );
    expect(t.run(txn([], [put("/a"), nested]))).toMatchObject({ results: [{}, { succeeded: true }] });
    expect(t.text("/b")).toBe("was missing");
  });

  it("change nothing when anything on their path fails", () => {
    const t = new TestMachine();
    const hash = t.machine.hash;
    const bad = [
      txn([], [put("/a"), put("/b", "", { lease: 99 })]),
      txn([], [put("/a"), range("/a", { revision: 7 })]),
      txn([], [put("/a"), txn([], [put("/b", "", { lease: 99 })])]),
      txn([], [put("/a"), put("/c", "", { ignoreValue: true })]),
    ];
    expect(bad.map((each) => t.run(each))).toMatchObject([
      { code: "LEASE_NOT_FOUND" },
      { code: "FUTURE_REVISION" },
      { code: "LEASE_NOT_FOUND" },
      { code: "KEY_NOT_FOUND" },
    ]);
    expect(t.machine.hash).toBe(hash);
    expect(t.machine.lastSeq).toBe(0);
  });

  it("do not fail for what is only on the path not taken", () => {
    const t = new TestMachine();
    expect(t.run(txn([], [put("/a")], [put("/b", "", { lease: 99 })]))).toMatchObject({ succeeded: true });
  });

  it("never change a key twice, even when the API let them through", () => {
    const t = new TestMachine();
    expect(t.run(txn([], [put("/a", "1"), put("/a", "2")]))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.run(txn([], [put("/a"), del("/", { end: "" })]))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.machine.revision).toBe(0);
  });
});
