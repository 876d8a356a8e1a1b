import { expect, test, vi } from "vitest";
import { bounds } from "../config.js";
import type { Failure } from "./failure.js";
import { Reads } from "./reads.js";

function collect(reads: Reads): (Failure | "fresh")[] {
  const outcomes: (Failure | "fresh")[] = [];
  reads.collect((failure) => outcomes.push(failure ?? "fresh"));
  return outcomes;
}

test("a read is served once its index is applied, not before", () => {
  const reads = new Reads(100);
  const outcomes = collect(reads);
  const context = reads.begin(0);
  reads.answered([{ context, index: 7 }], 6);
  expect(outcomes).toEqual([]);
  reads.applied(7);
  expect(outcomes).toEqual(["fresh"]);
});

test("an answer to an earlier attempt does not serve a read", () => {
  const reads = new Reads(100);
  const outcomes = collect(reads);
  const first = reads.begin(0);
  const [second] = reads.expire(500, 500, 2_000);
  expect(second).toBeGreaterThan(first);
  reads.answered([{ context: first, index: 1 }], 1);
  expect(outcomes).toEqual([]);
  reads.answered([{ context: second ?? 0, index: 1 }], 1);
  expect(outcomes).toEqual(["fresh"]);
});

test("a read that is never confirmed, or confirmed and never applied, fails for want of a quorum", () => {
  const reads = new Reads(100);
  const unconfirmed = collect(reads);
  reads.begin(0);
  const unapplied = collect(reads);
  reads.answered([{ context: reads.begin(0), index: 9 }], 1);
  reads.expire(2_000, 500, 2_000);
  for (const outcomes of [unconfirmed, unapplied]) expect(outcomes).toMatchObject([{ code: "NO_QUORUM" }]);
});

test("a refused read index fails its reads", () => {
  const reads = new Reads(100);
  const outcomes = collect(reads);
  reads.answered([{ context: reads.begin(0), index: undefined }], 5);
  expect(outcomes).toMatchObject([{ code: "NO_QUORUM" }]);
});

test("a read that a keepalive waits for is never one too many", () => {
  vi.spyOn(bounds, "pendingReadsMax", "get").mockReturnValue(1);
  const reads = new Reads(100);
  collect(reads);
  const outcomes: (Failure | "fresh")[] = [];
  reads.collect((failure) => outcomes.push(failure ?? "fresh"), true);
  expect(outcomes).toEqual([]);
  reads.answered([{ context: reads.begin(0), index: 1 }], 1);
  expect(outcomes).toEqual(["fresh"]);
  vi.restoreAllMocks();
});

test("reads are refused while too many wait, and taken again when some are served", () => {
  vi.spyOn(bounds, "pendingReadsMax", "get").mockReturnValue(2);
  const reads = new Reads(100);
  const taken = [collect(reads), collect(reads)];
  expect(collect(reads)).toMatchObject([{ code: "OVERLOADED" }]);
  reads.answered([{ context: reads.begin(0), index: 1 }], 1);
  expect(taken).toEqual([["fresh"], ["fresh"]]);
  expect(collect(reads)).toEqual([]);
  vi.restoreAllMocks();
});
