import { faultKinds } from "./fault-kinds.js";
import type { Summary } from "./summary.js";

/** What a run of many seeds must have done at least, for each seed on average: less would prove nothing. */
const floorsPerSeed: Readonly<Record<string, number>> = {
  operations: 50,
  elections: 2,
  faults: 20,
  snapshots: 0.7,
  expiries: 3,
  membershipChanges: 1.5,
};

/**
 * The part of the paths on which the search for linearizability may be given up: what is not decided is not found
 * wrong, and not proved either.
 */
const UNDECIDED_PART_MAX = 0.005;

/** Seeds below which averages say nothing, and nothing is judged. */
export const SEEDS_MIN = 50;

/** What the runs did too little of, or left undecided, in words; empty when they did enough. */
export function tooLittle(summary: Summary): string[] {
  if (summary.runs < SEEDS_MIN) return [];
  const done: Readonly<Record<string, number>> = {
    operations: summary.count("operationsOk"),
    elections: summary.count("elections"),
    // Messages that are lost, doubled or late are counted one by one: alone they would be enough for any floor.
    faults: faultKinds.reduce((sum, kind) => sum + (summary.faults.get(kind) ?? 0), 0),
    snapshots: summary.count("snapshotsInstalled"),
    expiries: summary.count("leasesExpired"),
    membershipChanges: summary.membershipChanges,
  };
  const undecided = summary.count("pathsUndecided");
  const paths = summary.count("paths");
  const given =
    undecided <= paths * UNDECIDED_PART_MAX
      ? []
      : [
          `linearizability was left undecided on ${undecided} of ${paths} paths, at most ${UNDECIDED_PART_MAX * 100} % may be`,
        ];
  const lacking = Object.entries(floorsPerSeed).flatMap(([name, floor]) => {
    const average = (done[name] ?? 0) / summary.runs;
    return average >= floor
      ? []
      : [`only ${average.toFixed(2)} ${name} a seed, at least ${floor} are wanted`];
  });
  return [...given, ...lacking];
}
