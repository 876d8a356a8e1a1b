import { describe, expect, it } from "vitest";
import { tripped } from "./hand-made-run.test-support.js";
import { Progress, progressBounds } from "./progress.js";

const clocks = { electionTimeoutMs: 500, clockDriftMax: 0 };
const bounds = progressBounds(clocks);
const idle = { host: "c1", busy: true, majoritySinceMs: undefined, lostSinceMs: undefined };

describe("while faults last", () => {
  it("a client that sees a majority is served in time", () => {
    const served = { client: "c1.2", operation: 1, kind: "returned" } as const;
    const answer = { f: "put", revision: 1, previous: undefined } as const;
    const progress = new Progress(clocks);
    const look = (nowMs: number, busy = true) =>
      tripped(() => progress.looked([{ ...idle, busy, majoritySinceMs: 1_000 }], [], nowMs));
    expect(look(1_000 + bounds.progressMs)).toBeUndefined();
    progress.event({ ...served, answer, trueMs: 5_000 });
    expect(look(5_000 + bounds.progressMs)).toBeUndefined();
    expect(look(5_001 + bounds.progressMs, false)).toBeUndefined();
    expect(look(5_001 + bounds.progressMs)).toBe("PROGRESS");
    // To be told that nobody serves it is no progress, to be refused for what it asks is.
    progress.event({ ...served, kind: "failed", code: "NO_QUORUM", trueMs: 6_000 });
    expect(look(5_001 + bounds.progressMs)).toBe("PROGRESS");
    progress.event({ ...served, kind: "failed", code: "FENCED", trueMs: 6_000 });
    expect(look(5_001 + bounds.progressMs)).toBeUndefined();
    expect(progress.demands).toBeGreaterThan(0);
  });

  it("nothing is demanded of a client that sees no majority", () => {
    const progress = new Progress(clocks);
    expect(tripped(() => progress.looked([idle], [], 1_000_000))).toBeUndefined();
    expect(progress.demands).toBe(0);
  });

  it("a node without a way to a majority ends its watches", () => {
    const progress = new Progress(clocks);
    const look = (watches: number, cutOffSinceMs: number | undefined, nowMs: number) =>
      tripped(() => progress.looked([], [{ name: "n1", watches, cutOffSinceMs }], nowMs));
    expect(look(2, undefined, 1_000_000)).toBeUndefined();
    expect(look(2, 1_000, 1_000 + bounds.watchesEndMs)).toBeUndefined();
    expect(look(0, 1_000, 1_001 + bounds.watchesEndMs)).toBeUndefined();
    expect(look(2, 1_000, 1_001 + bounds.watchesEndMs)).toBe("PROGRESS");
  });

  it("a watch that nobody can serve ends within what its options state", () => {
    const progress = new Progress(clocks);
    const sentinel = { client: "c1", sentinel: 7 };
    const look = (nowMs: number) =>
      tripped(() => progress.looked([{ ...idle, lostSinceMs: 500 }], [], nowMs));
    progress.event({ ...sentinel, kind: "sentinelOpened", unservedMs: 3_000, trueMs: 1_000 });
    expect(look(1_000 + bounds.endedMs(3_000))).toBeUndefined();
    expect(look(1_001 + bounds.endedMs(3_000))).toBe("PROGRESS");
    progress.event({ ...sentinel, kind: "sentinelEnded", code: "NO_QUORUM", trueMs: 9_000 });
    expect(look(1_001 + bounds.endedMs(3_000))).toBeUndefined();
  });

  it("a watch of a client that sees a majority hears something", () => {
    const progress = new Progress(clocks);
    const sentinel = { client: "c1", sentinel: 7 };
    const look = (nowMs: number) =>
      tripped(() => progress.looked([{ ...idle, busy: false, majoritySinceMs: 500 }], [], nowMs));
    progress.event({ ...sentinel, kind: "sentinelOpened", unservedMs: 3_000, trueMs: 1_000 });
    progress.event({ ...sentinel, kind: "sentinelHeard", trueMs: 2_000 });
    expect(look(2_000 + bounds.heardMs)).toBeUndefined();
    expect(look(2_001 + bounds.heardMs)).toBe("PROGRESS");
    progress.event({ kind: "killed", client: "c1", trueMs: 9_000 });
    expect(look(2_001 + bounds.heardMs)).toBeUndefined();
  });
});
