import { describe, expect, it } from "vitest";
import { tooLittle } from "./floors.js";
import { Summary } from "./summary.js";

function summaryOf(paths: number, pathsUndecided: number): Summary {
  const summary = new Summary();
  summary.runs = 50;
  summary.membershipChanges = 100;
  summary.faults.set("kill", 1_000);
  const counts = { operationsOk: 2_500, elections: 100, snapshotsInstalled: 35, leasesExpired: 150 };
  for (const [name, count] of Object.entries({ ...counts, paths, pathsUndecided })) {
    summary.counts.set(name, count);
  }
  return summary;
}

describe("a run of many seeds", () => {
  it("fails when linearizability was left undecided on too many paths, and says how many there were", () => {
    expect(tooLittle(summaryOf(1_000, 5))).toEqual([]);
    expect(tooLittle(summaryOf(1_000, 6))).toHaveLength(1);
    expect(summaryOf(1_000, 6).text()).toContain("undecided on 6 of 1,000 paths");
  });

  it("fails when too little was done", () => {
    const summary = summaryOf(1_000, 0);
    summary.counts.set("elections", 99);
    expect(tooLittle(summary)).toHaveLength(1);
  });
});
