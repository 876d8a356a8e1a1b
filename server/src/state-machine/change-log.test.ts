import { describe, expect, it } from "vitest";
import { ChangeLog } from "./change-log.js";
import type { Change } from "./entry.js";

function change(seq: number, revision: number, size = 0): Change {
  const key = `k${seq}`;
  const value = new Uint8Array(size);
  const entry = { key, value, createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  return { seq, revision, key, entry, previous: undefined };
}

/** Changes by their revisions, with seqs from 1. */
function logOf(revisions: number[], countMax: number): ChangeLog {
  const log = new ChangeLog(countMax);
  revisions.forEach((revision, at) => {
    log.push(change(at + 1, revision));
  });
  return log;
}

const seqs = (changes: Change[]) => changes.map(({ seq }) => seq);

describe("change log", () => {
  it("finds a change by its number", () => {
    const log = logOf([1, 2, 2, 3], 10);
    expect(log.bySeq(3)?.revision).toBe(2);
    expect(log.bySeq(0)).toBeUndefined();
    expect(log.bySeq(5)).toBeUndefined();
  });

  it("never splits a revision, whatever the limit", () => {
    const log = logOf([1, 2, 2, 2, 3], 10);
    expect(seqs(log.from(1, 1))).toEqual([1]);
    expect(seqs(log.from(1, 2))).toEqual([1, 2, 3, 4]);
    expect(seqs(log.from(2, 1))).toEqual([2, 3, 4]);
    expect(seqs(log.from(3, 100))).toEqual([5]);
    expect(log.from(4, 100)).toEqual([]);
  });

  it("keeps what is not on disk, past its bounds", () => {
    const log = logOf([1, 2, 3, 4, 5], 2);
    expect(log.length).toBe(5);
    log.trim(2);
    expect([log.length, log.firstRevision]).toEqual([3, 3]);
    log.trim(5);
    expect([log.length, log.firstRevision]).toEqual([2, 4]);
  });

  it("keeps its bounds by itself once later changes are known to be on disk", () => {
    const log = logOf([1, 2, 3], 2);
    log.trim(3);
    log.push(change(4, 4));
    expect(seqs(log.since(1))).toEqual([3, 4]);
  });

  it("claims no revision that it holds only in part", () => {
    const log = logOf([1, 2, 2, 2], 2);
    log.trim(4);
    expect(log.length).toBe(2);
    expect(log.firstRevision).toBe(3);
    expect(() => log.from(2, 10)).toThrow("before the window");
    expect(log.bySeq(4)?.revision).toBe(2);
  });

  it("is bounded by bytes too", () => {
    const log = new ChangeLog(1_000, 10_000);
    for (let seq = 1; seq <= 20; seq += 1) log.push(change(seq, seq, 1_000));
    log.trim(20);
    expect(log.length).toBe(8);
  });

  it("survives thousands of drops", () => {
    const log = new ChangeLog(100);
    for (let seq = 1; seq <= 5_000; seq += 1) {
      log.push(change(seq, seq));
      log.trim(seq);
    }
    expect([log.length, log.firstRevision, log.bySeq(4_950)?.seq]).toEqual([100, 4_901, 4_950]);
  });

  it("refuses a hole", () => {
    const log = logOf([1], 10);
    expect(() => log.push(change(3, 2))).toThrow("follows");
  });
});
