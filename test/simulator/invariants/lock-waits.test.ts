import { describe, expect, it } from "vitest";
import { sequentialKey } from "../../../server/src/state-machine/index.js";
import { HandMadeRun, tripped } from "./hand-made-run.test-support.js";
import { contenderValue } from "./queue-entries.js";

/** Milliseconds after which it must show. */
const LATER_MS = 6_001;

function queued(): { run: HandMadeRun; key: string } {
  const run = new HandMadeRun();
  const attempt = { kind: "lockWaiting", path: "/lock" } as const;
  run.client({ ...attempt, attempt: 1 });
  run.client({ ...attempt, attempt: 2 });
  run.put("/lock", contenderValue(1), { sequential: true });
  const token = run.put("/lock", contenderValue(2), { sequential: true });
  return { run, key: sequentialKey("/lock", token) };
}

function endAfter({ observer, nodes, trueMs }: HandMadeRun, ms: number): () => unknown {
  return () => observer.finish({ healed: nodes, healedMs: trueMs, settledMs: trueMs, trueMs: trueMs + ms });
}

describe("MUTEX, of those who wait", () => {
  it("trips when one waits on whose entry is gone, once there was time to tell it", () => {
    const { run, key } = queued();
    run.delete(key);
    expect(tripped(endAfter(run, LATER_MS - 1))).toBeUndefined();
    expect(tripped(endAfter(run, LATER_MS))).toBe("MUTEX");
    expect(tripped(endAfter(queued().run, LATER_MS))).toBeUndefined();
  });

  it("leaves alone who was told so, and who is gone", () => {
    const told = queued();
    told.run.delete(told.key);
    told.run.client({ kind: "lockFailed", attempt: 2, path: "/lock", code: "FENCED" });
    expect(told.run.observer.summary.lockWaitsFenced).toBe(1);
    expect(tripped(endAfter(told.run, LATER_MS))).toBeUndefined();
    const gone = queued();
    gone.run.delete(gone.key);
    gone.run.client({ kind: "killed" });
    expect(tripped(endAfter(gone.run, LATER_MS))).toBeUndefined();
  });

  it("trips when who gave up leaves its entry behind, unless somebody else wrote to it", () => {
    const gaveUp = { kind: "lockFailed", attempt: 2, path: "/lock", code: "DEADLINE_EXCEEDED" } as const;
    const { run } = queued();
    run.client(gaveUp);
    expect(tripped(endAfter(run, LATER_MS - 1))).toBeUndefined();
    expect(tripped(endAfter(run, LATER_MS))).toBe("MUTEX");
    const other = queued();
    other.run.client(gaveUp);
    other.run.put(other.key, "", { lease: other.run.grant(true) });
    expect(tripped(endAfter(other.run, LATER_MS))).toBeUndefined();
  });
});
