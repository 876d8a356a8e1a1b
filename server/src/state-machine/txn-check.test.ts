import { describe, expect, it } from "vitest";
import type { TxnOperation } from "./command.js";
import { txnDepthMax } from "./limits.js";
import { compare, del, put, range, txn } from "./machine.test-support.js";
import { checkTxn } from "./txn-check.js";

const defect = (...operations: TxnOperation[]) => checkTxn(txn([], operations))?.kind;
const times = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

describe("check of a transaction", () => {
  it("allows changes of different keys, and deletes that overlap deletes", () => {
    expect(defect(put("/a"), put("/b"), del("/c"), range("/a"))).toBeUndefined();
    expect(defect(del("/a"), del("/a"), del("/", { end: "" }))).toBeUndefined();
  });

  it("refuses two puts of one key", () => {
    expect(checkTxn(txn([], [put("/a"), put("/b"), put("/a")]))).toEqual({ kind: "duplicateKey", key: "/a" });
  });

  it("refuses a put of a key that a delete covers, in either order", () => {
    expect(defect(put("/a"), del("/a"))).toBe("duplicateKey");
    expect(defect(del("/a"), put("/a"))).toBe("duplicateKey");
    expect(defect(put("/b"), del("/a", { end: "/c" }))).toBe("duplicateKey");
    expect(defect(put("/c"), del("/a", { end: "/c" }))).toBeUndefined();
    expect(defect(put("/z"), del("/a", { end: "" }))).toBe("duplicateKey");
    expect(defect(put("/z"), del("/z", { end: "/a" }))).toBeUndefined();
  });

  it("knows what a subtree delete covers", () => {
    expect(defect(put("/a"), del("/a", { subtree: true }))).toBe("duplicateKey");
    expect(defect(put("/a/b/c"), del("/a", { subtree: true }))).toBe("duplicateKey");
    expect(defect(put("/a-b"), del("/a", { subtree: true }))).toBeUndefined();
  });

  it("allows the two branches of one transaction to change the same key", () => {
    expect(checkTxn(txn([], [put("/a")], [put("/a")]))).toBeUndefined();
    expect(defect(txn([], [put("/a")], [put("/a"), del("/b")]))).toBeUndefined();
  });

  it("refuses a nested change of what is changed around or beside it", () => {
    expect(defect(put("/a"), txn([], [put("/a")]))).toBe("duplicateKey");
    expect(defect(txn([], [], [put("/a")]), put("/a"))).toBe("duplicateKey");
    expect(defect(txn([], [put("/a")]), txn([], [put("/a")]))).toBe("duplicateKey");
    expect(defect(txn([], [put("/a")]), txn([], [del("/a")]))).toBe("duplicateKey");
    expect(defect(del("/a"), txn([], [txn([], [put("/a")])]))).toBe("duplicateKey");
    expect(defect(txn([], [put("/a"), put("/a")]))).toBe("duplicateKey");
  });

  it("refuses sequential puts that could collide", () => {
    const sequential = put("/q", "", { sequential: true });
    expect(defect(sequential, sequential)).toBe("duplicateKey");
    expect(defect(sequential, put("/r", "", { sequential: true }))).toBeUndefined();
    expect(defect(sequential, put("/q"))).toBeUndefined();
    expect(defect(sequential, put("/q/0000000000000009"))).toBe("duplicateKey");
    expect(defect(put("/q/0000000000000009"), sequential)).toBe("duplicateKey");
    expect(defect(sequential, put("/q/0000000000000009/x"))).toBeUndefined();
    expect(defect(sequential, del("/q", { subtree: true }))).toBe("duplicateKey");
    expect(defect(sequential, del("/q"))).toBeUndefined();
  });

  it("holds a transaction to its budget of operations, which nested ones share", () => {
    const puts = (count: number) => times(count, (at) => put(`/${at}`));
    expect(checkTxn(txn([], puts(128)))).toBeUndefined();
    expect(checkTxn(txn([], puts(129)))).toEqual({ kind: "tooManyOperations", operationsMax: 128 });
    expect(checkTxn(txn([], [], puts(129)))?.kind).toBe("tooManyOperations");
    expect(
      checkTxn(
        txn(
          times(129, () => compare("/a", "version", "equal", 0)),
          [],
        ),
      )?.kind,
    ).toBe("tooManyOperations");
    expect(checkTxn(txn([], [txn([], puts(9))]), 10)).toBeUndefined();
    expect(checkTxn(txn([], [txn([], puts(10))]), 10)?.kind).toBe("tooManyOperations");
    expect(checkTxn(txn([], [txn([], [range("/a")]), txn([], [range("/a")])]), 3)?.kind).toBe(
      "tooManyOperations",
    );
  });

  it("bounds how deep transactions nest", () => {
    const nested = (depth: number): ReturnType<typeof txn> => txn([], depth === 1 ? [] : [nested(depth - 1)]);
    expect(checkTxn(nested(txnDepthMax))).toBeUndefined();
    expect(checkTxn(nested(txnDepthMax + 1))).toEqual({ kind: "tooDeep", depthMax: txnDepthMax });
  });
});
