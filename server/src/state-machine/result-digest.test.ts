import { describe, expect, it } from "vitest";
import type { Entry } from "./entry.js";
import { Digest, resultTag } from "./hash.js";
import { bytes } from "./machine.test-support.js";
import type { Result } from "./result.js";
import { feedResult } from "./result-digest.js";

function digestOf(result: Result): readonly [number, number] {
  const digest = new Digest();
  digest.start(resultTag);
  feedResult(digest, result);
  digest.finish();
  return [digest.a, digest.b];
}

const entry: Entry = {
  key: "/a",
  value: bytes("v"),
  createRevision: 2,
  modRevision: 3,
  version: 2,
  lease: 0,
};
const done = { kind: "done", revision: 7 } as const;
const put = { kind: "put", revision: 7, key: "/a", previous: entry } as const;
const deleted = { kind: "delete", revision: 7, deleted: 1, previous: [entry] } as const;
const txn = { kind: "txn", succeeded: true, revision: 7, results: [put, done] } as const;
const node = { key: "/a", entry, childCount: 0 } as const;
const range = { kind: "range", revision: 7, entries: [node], more: false, count: 1 } as const;
const grant = { kind: "grant", lease: 5, ttlMs: 1_000 } as const;
const refusal = { kind: "error", code: "FENCED", message: "no", revision: 0 } as const;

describe("the digest of a kept result", () => {
  const different: readonly (readonly [string, Result, Result])[] = [
    ["the code of a refusal", refusal, { ...refusal, code: "LEASE_NOT_FOUND" }],
    ["the revision of a refusal", refusal, { ...refusal, revision: 1 }],
    ["the key of a put", put, { ...put, key: "/b" }],
    ["the revision of a put", put, { ...put, revision: 8 }],
    ["whether there was an entry before", put, { ...put, previous: undefined }],
    ["the version before", put, { ...put, previous: { ...entry, version: 3 } }],
    ["the lease before", put, { ...put, previous: { ...entry, lease: 1 } }],
    ["whether the value before was left out", put, { ...put, previous: { ...entry, value: bytes("") } }],
    ["how many keys a delete deleted", deleted, { ...deleted, deleted: 2 }],
    ["the entries it deleted", deleted, { ...deleted, previous: [] }],
    ["whether a transaction succeeded", txn, { ...txn, succeeded: false }],
    ["the results in a transaction", txn, { ...txn, results: [put, grant] }],
    ["their number", txn, { ...txn, results: [put] }],
    ["the count of a range", range, { ...range, count: 2 }],
    ["whether there is more", range, { ...range, more: true }],
    ["the entries of a range", range, { ...range, entries: [{ ...node, childCount: 1 }] }],
    ["a pure directory in it", range, { ...range, entries: [{ ...node, entry: undefined }] }],
    ["the lease granted", grant, { ...grant, lease: 6 }],
    ["its TTL", grant, { ...grant, ttlMs: 1_001 }],
    ["the revision of anything else", done, { ...done, revision: 8 }],
  ];

  it.each(different)("says %s", (_, left, right) => {
    expect(digestOf(left)).toEqual(digestOf({ ...left }));
    expect(digestOf(left)).not.toEqual(digestOf(right));
  });

  it("does not depend on the words of a refusal", () => {
    expect(digestOf(refusal)).toEqual(digestOf({ ...refusal, message: "in other words" }));
  });
});
