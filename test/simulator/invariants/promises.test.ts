import { describe, expect, it } from "vitest";
import type { NodePromise } from "../observation.js";
import { HandMadeRun, tripped } from "./hand-made-run.test-support.js";

/** Node 1 led term 1, in which entries 1 and 2 went to all disks. */
function ledRun(): HandMadeRun {
  const run = new HandMadeRun();
  run.put("/a", "1");
  run.put("/a", "2");
  return run;
}

function promised(run: HandMadeRun, nodeId: number, promise: NodePromise) {
  return tripped(() => run.observer.promised(nodeId, promise, run.trueMs));
}

describe("what a message promises of its sender's disk", () => {
  it("is, of a vote, that the vote is durable", () => {
    expect(promised(ledRun(), 2, { kind: "vote", term: 1, candidate: 1 })).toBeUndefined();
    expect(promised(ledRun(), 2, { kind: "vote", term: 1, candidate: 3 })).toBe("ES");
    expect(promised(ledRun(), 2, { kind: "vote", term: 2, candidate: 1 })).toBe("ES");
  });

  it("is, of a candidate's or leader's message, that its own vote is durable", () => {
    expect(promised(ledRun(), 1, { kind: "ownVote", term: 1 })).toBeUndefined();
    expect(promised(ledRun(), 1, { kind: "ownVote", term: 2 })).toBe("ES");
    expect(promised(ledRun(), 2, { kind: "ownVote", term: 1 })).toBe("ES");
    // It has gone to a later term since, and says nothing of that.
    const run = ledRun();
    run.persist(run.nodes[0], { term: 2, vote: 2 });
    expect(promised(run, 1, { kind: "ownVote", term: 1 })).toBeUndefined();
  });

  it("is, of an acknowledgement, that the very entry is durable", () => {
    const append = { kind: "append", term: 1 } as const;
    expect(promised(ledRun(), 2, { ...append, index: 2, entryTerm: 1 })).toBeUndefined();
    expect(promised(ledRun(), 2, { ...append, index: 3, entryTerm: 1 })).toBe("DUR");
    expect(promised(ledRun(), 2, { ...append, index: 3, entryTerm: undefined })).toBe("DUR");
    // The disk still has another leader's entry there.
    const run = ledRun();
    run.append(run.nodes[1], run.entry(3, 1, "old"));
    run.persist(run.nodes[1], { term: 2, vote: 1 });
    expect(promised(run, 2, { kind: "append", term: 2, index: 3, entryTerm: 2 })).toBe("DUR");
  });

  it("is nothing that a node may say whose disk was destroyed", () => {
    const run = ledRun();
    run.observer.lost(2, 0);
    expect(promised(run, 2, { kind: "vote", term: 9, candidate: 1 })).toBe("DUR");
    const other = ledRun();
    other.observer.lost(2, 0);
    other.persist(other.nodes[1], { term: 9, vote: 1 }, ...other.history);
    expect(promised(other, 2, { kind: "append", term: 9, index: 1, entryTerm: 1 })).toBe("DUR");
  });
});
