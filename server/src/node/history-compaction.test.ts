import { describe, expect, it } from "vitest";
import { HistoryCompaction, type HistoryState } from "./history-compaction.js";

function state(revision: number, compactedRevision = 0, space: Partial<HistoryState> = {}): HistoryState {
  return {
    revision,
    compactedRevision,
    spaceBytes: 0,
    historyBytes: 0,
    spaceBytesMax: 0,
    curableRefusalRevision: 0,
    ...space,
  };
}

describe("compaction by number", () => {
  it("waits until a tenth more than is kept has piled up", () => {
    const compaction = new HistoryCompaction({ historyRevisionsKept: 100, historyKeptMs: 0 });
    expect(compaction.due(0, state(109))).toBeUndefined();
    expect(compaction.due(0, state(111))).toBe(11);
    expect(compaction.due(0, state(115, 10))).toBeUndefined();
  });
});

describe("compaction by age", () => {
  const retention = { historyRevisionsKept: 1_000_000, historyKeptMs: 64_000 };

  it("forgets what was current so long ago, and never what was current since", () => {
    const compaction = new HistoryCompaction(retention);
    const due: [number, number][] = [];
    let compacted = 0;
    // One revision a second, from 1 at 0 ms.
    for (let nowMs = 0; nowMs <= 200_000; nowMs += 500) {
      const revision = 1 + Math.floor(nowMs / 1_000);
      const found = compaction.due(nowMs, state(revision, compacted));
      if (found === undefined) continue;
      compacted = found;
      due.push([nowMs, found]);
      expect(nowMs - (found - 1) * 1_000).toBeGreaterThanOrEqual(64_000);
      expect(nowMs - (found - 1) * 1_000).toBeLessThanOrEqual(66_000);
    }
    expect(due[0]?.[0]).toBeGreaterThanOrEqual(64_000);
    expect(compacted).toBeGreaterThan(130);
  });

  it("forgets the past of a store that nobody writes to, once", () => {
    const compaction = new HistoryCompaction(retention);
    expect(compaction.due(0, state(7))).toBeUndefined();
    expect(compaction.due(64_000, state(7))).toBe(7);
    expect(compaction.due(64_500, state(7, 7))).toBeUndefined();
  });

  it("starts over under a new leader, so that nothing is forgotten early", () => {
    const compaction = new HistoryCompaction(retention);
    compaction.due(0, state(7));
    compaction.leaderChanged();
    expect(compaction.due(64_000, state(9))).toBeUndefined();
    expect(compaction.due(128_000, state(20))).toBe(9);
  });

  it("is off at 0", () => {
    const compaction = new HistoryCompaction({ ...retention, historyKeptMs: 0 });
    compaction.due(0, state(7));
    expect(compaction.due(10_000_000, state(7))).toBeUndefined();
  });
});

describe("compaction for want of space", () => {
  const compaction = new HistoryCompaction({ historyRevisionsKept: 1_000, historyKeptMs: 0 });
  const due = (spaceBytes: number, historyBytes: number) =>
    compaction.due(0, state(100, 50, { spaceBytes, historyBytes, spaceBytesMax: 1_000 }));

  it("forgets the older half when it gets tight, and all when there is none left", () => {
    expect(due(700, 500)).toBeUndefined();
    expect(due(800, 500)).toBe(75);
    expect(due(950, 500)).toBe(100);
    expect(due(1_000, 1)).toBe(100);
  });

  it("keeps a history that would free next to nothing, while there is some space", () => {
    expect(due(800, 10)).toBeUndefined();
    expect(due(1_000, 0)).toBeUndefined();
  });

  const space = { spaceBytes: 700, historyBytes: 10, spaceBytesMax: 1_000 };
  const refused = (curableRefusalRevision: number, revision: number, compactedRevision: number) =>
    compaction.due(0, state(revision, compactedRevision, { ...space, curableRefusalRevision }));

  it("forgets all for a put that was kept out, however little that is, until that is applied", () => {
    expect(refused(100, 101, 50)).toBe(101);
    // What was proposed is lost, and more was written since.
    compaction.leaderChanged();
    expect(refused(100, 102, 50)).toBe(102);
    expect(refused(100, 102, 102)).toBeUndefined();
    expect(refused(103, 103, 102)).toBe(103);
  });

  it("forgets nothing for a put that was kept out before the last compaction, however new the leader is", () => {
    const late = new HistoryCompaction({ historyRevisionsKept: 1_000, historyKeptMs: 0 });
    expect(late.due(0, state(120, 100, { ...space, curableRefusalRevision: 100 }))).toBeUndefined();
    expect(late.due(0, state(120, 100, { ...space, curableRefusalRevision: 0 }))).toBeUndefined();
  });

  it("forgets nothing where that cannot help", () => {
    expect(refused(100, 100, 100)).toBeUndefined();
  });
});
