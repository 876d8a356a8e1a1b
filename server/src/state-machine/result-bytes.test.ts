import { expect, it } from "vitest";
import { bytes, del, put, range, TestMachine, txn } from "./machine.test-support.js";
import type { Result } from "./result.js";
import { boundedResult, resultBytes } from "./result-bytes.js";

function results(): { readonly deleted: Result; readonly read: Result } {
  const t = new TestMachine();
  for (const name of ["1", "2", "3"]) t.run(put(`/a/${name}`, "x".repeat(1_000)));
  const read = t.run(
    txn(
      [],
      [range("/a/", { end: "/a0" }), range("/a/", { end: "/a0" }), put("/b", "", { returnPrevious: true })],
    ),
  );
  const deleted = t.run(del("/a", { subtree: true, returnPrevious: true }));
  return { deleted, read };
}

it("leaves alone what one answer has room for", () => {
  const { deleted, read } = results();
  expect(boundedResult(deleted)).toBe(deleted);
  expect(boundedResult(read)).toBe(read);
});

it("cuts what a delete returns, and still tells how many there were", () => {
  const { deleted } = results();
  const cut = boundedResult(deleted, 2_500);
  expect(cut).toMatchObject({ deleted: 3, previous: [{ key: "/a/1" }, { key: "/a/2" }] });
  expect(resultBytes(cut)).toBeLessThan(2_500 + 64);
  expect(boundedResult(deleted, 100)).toMatchObject({
    previous: [{ key: "/a/1", value: bytes(""), valueOmitted: true }],
  });
});

it("lets the reads of a transaction share the room, in order, with one entry at least", () => {
  const { read } = results();
  const cut = boundedResult(read, 2_500);
  expect(cut).toMatchObject({
    results: [
      { entries: [{ key: "/a/1" }, { key: "/a/2" }], more: true, count: 3 },
      { entries: [{ entry: { valueOmitted: true } }], more: true, count: 3 },
      { kind: "put", previous: undefined },
    ],
  });
});
