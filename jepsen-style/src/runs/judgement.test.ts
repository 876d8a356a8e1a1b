import { describe, expect, test } from "vitest";
import type { CheckReport } from "../commands/history-check.js";
import { type Evidence, judge } from "./judgement.js";
import { Tally } from "./tally.js";

const check: CheckReport = {
  verdict: "ok",
  explanation: "ok",
  model: "register",
  operations: 3,
  indeterminate: 0,
  durationMs: 1,
};

function evidence(changes: Partial<Evidence>): Evidence {
  const tally = new Tally();
  for (const f of ["read", "write"]) for (let n = 0; n < 10; n++) tally.add(f, "ok");
  return {
    check,
    convergence: { kind: "converged", appliedIndex: 9, stateHash: "a" },
    problems: [],
    tally,
    functions: ["read", "write"],
    faults: { kill: 1 },
    nemeses: ["kill"],
    asked: 100,
    ...changes,
  };
}

describe("a run", () => {
  test("is ok when its history is, its nodes agree and it did enough", () => {
    expect(judge(evidence({}))).toEqual({ verdict: "ok", reasons: [] });
  });

  test("is illegal when its history is, whatever else is missing", () => {
    const illegal = evidence({ check: { ...check, verdict: "illegal", explanation: "stale" }, asked: 1_000 });
    expect(judge(illegal)).toMatchObject({
      verdict: "illegal",
      reasons: ["stale", expect.stringMatching(/vacuous/)],
    });
  });

  test("is illegal when nodes at one index have different states", () => {
    const hashes = { n1: "a", n2: "b" };
    expect(judge(evidence({ convergence: { kind: "diverged", appliedIndex: 9, hashes } })).verdict).toBe(
      "illegal",
    );
  });

  test.each<[string, Partial<Evidence>, RegExp]>([
    ["too few operations succeeded", { asked: 1_000 }, /20 operations succeeded, of at least 100/],
    ["a function never succeeded", { functions: ["read", "cas"] }, /no cas succeeded/],
    ["a nemesis never struck", { nemeses: ["kill", "pause"] }, /no pause happened/],
    ["a server crashed", { problems: ["n1 exited by itself with code 1"] }, /n1 exited/],
    ["the nodes did not settle", { convergence: { kind: "unsettled", reason: "n1" } }, /did not settle/],
    ["the check gave up", { check: { ...check, verdict: "unknown", explanation: "too hard" } }, /too hard/],
  ])("proves nothing when %s", (_, changes, reason) => {
    const { verdict, reasons } = judge(evidence(changes));
    expect(verdict).toBe("unknown");
    expect(reasons.join()).toMatch(reason);
  });
});
