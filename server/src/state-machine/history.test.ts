import { expect, it } from "vitest";
import { del, put, TestMachine, textOf, txn } from "./machine.test-support.js";

function history(t: TestMachine, from = 0, to = 0, key = "/a"): unknown {
  const changes = t.machine.history({ key, from, to });
  if ("kind" in changes) return changes.code;
  return [...changes].map(({ revision, entry }) => [revision, entry && textOf(entry.value)]);
}

function written(): TestMachine {
  const t = new TestMachine();
  t.run(put("/a", "1"));
  t.run(put("/b", "x"));
  t.run(put("/a", "2"));
  t.run(del("/a"));
  t.run(txn([], [put("/a", "3"), put("/b", "y")]));
  t.run(put("/b", "z"));
  return t;
}

const all = [
  [1, "1"],
  [3, "2"],
  [4, undefined],
  [5, "3"],
];

it("tells the versions of a key, deletes among them, oldest first", () => {
  const t = written();
  expect(history(t)).toEqual(all);
  expect(history(t, 3, 4)).toEqual(all.slice(1, 3));
  expect(history(t, 2, 2)).toEqual([]);
  expect(history(t, 5)).toEqual(all.slice(3));
  expect(history(t, 6)).toEqual([]);
  expect(history(t, 0, 0, "/none")).toEqual([]);
});

it("reads what is no longer in memory, and survives a restart", () => {
  const t = written();
  t.flush();
  t.restart();
  expect(history(t)).toEqual(all);
  for (let n = 0; n < 20_000; n += 1) t.run(put("/b", ""));
  t.flush();
  expect(t.machine.changeLog.bySeq(1)).toBeUndefined();
  expect(history(t, 1, 5)).toEqual(all);
});

it("says that a beginning below the compacted revision is gone, and else begins with what is left", () => {
  const t = written();
  t.run({ kind: "compact", revision: 4 });
  expect(history(t, 3)).toBe("COMPACTED");
  expect(history(t, 4)).toEqual(all.slice(2));
  // What was superseded at the compacted revision itself is retained.
  expect(history(t)).toEqual(all.slice(1));
  t.run({ kind: "compact", revision: 6 });
  expect(history(t)).toEqual(all.slice(3));
});

it("refuses an end in the future", () => {
  const t = written();
  expect(history(t, 0, 7)).toBe("FUTURE_REVISION");
  expect(history(t, -1)).toBe("INVALID_ARGUMENT");
});
