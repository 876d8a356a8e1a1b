import { describe, expect, it } from "vitest";
import { HandMadeRun, tripped } from "./hand-made-run.test-support.js";

/** Two entries are committed, of which node 3 has not applied the second. */
function run(): HandMadeRun {
  const made = new HandMadeRun();
  made.put("/a", "1");
  made.put("/a", "2");
  made.nodes[2].appliedIndex = 1;
  return made;
}

describe("a linearizable read", () => {
  it("is confirmed at what was committed anywhere when it began, or later", () => {
    const made = run();
    made.observer.readBegan(2, 7, made.trueMs);
    expect(tripped(() => made.observer.readConfirmed(1, 2, 7, 2, made.trueMs))).toBeUndefined();
    made.put("/a", "3");
    expect(tripped(() => made.observer.readConfirmed(1, 2, 7, 2, made.trueMs))).toBeUndefined();
    expect(tripped(() => made.observer.readConfirmed(1, 2, 7, 1, made.trueMs))).toBe("READ");
  });

  it("is another one when it is asked for anew, or by another node", () => {
    const made = run();
    made.observer.readBegan(2, 7, made.trueMs);
    made.put("/a", "3");
    made.observer.readBegan(3, 7, made.trueMs);
    made.observer.readBegan(2, 8, made.trueMs);
    expect(tripped(() => made.observer.readConfirmed(1, 2, 7, 2, made.trueMs))).toBeUndefined();
    expect(tripped(() => made.observer.readConfirmed(1, 2, 8, 2, made.trueMs))).toBe("READ");
    const other = run();
    other.observer.readBegan(3, 7, other.trueMs);
    expect(tripped(() => other.observer.readConfirmed(1, 3, 7, 1, other.trueMs))).toBe("READ");
  });

  it("is served by a node that has applied all of it", () => {
    const made = run();
    const [first, , third] = made.nodes;
    const { committedIndex } = made.observer;
    expect(committedIndex).toBe(2);
    expect(tripped(() => made.observer.readServed(first, committedIndex, made.trueMs))).toBeUndefined();
    expect(tripped(() => made.observer.readServed(third, committedIndex, made.trueMs))).toBe("READ");
  });
});
