import type { CheckReport } from "../commands/history-check.js";
import type { NemesisName } from "../nemeses/nemesis.js";
import { OK_SHARE_MIN } from "./bounds.js";
import type { Convergence } from "./convergence.js";
import type { Tally } from "./tally.js";

/** What a run is judged by. */
export interface Evidence {
  readonly check: CheckReport;
  readonly convergence: Convergence;
  /** What went wrong with the experiment or the cluster: crashes, no recovery, final operations undone. */
  readonly problems: readonly string[];
  readonly tally: Tally;
  readonly functions: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly nemeses: readonly NemesisName[];
  /** Operations that rate and time asked for. */
  readonly asked: number;
}

/** The verdict of a run with the reasons for it. */
export interface Judgement {
  readonly verdict: "ok" | "illegal" | "unknown";
  /** Empty when ok. */
  readonly reasons: readonly string[];
}

/** What a run lacks to prove anything. */
function vacuities({ tally, functions, faults, nemeses, asked }: Evidence): string[] {
  const floor = Math.max(1, Math.floor(asked * OK_SHARE_MIN));
  const ok = tally.total("ok");
  return [
    ...(ok < floor ? [`vacuous: ${ok} operations succeeded, of at least ${floor} expected`] : []),
    ...functions.filter((f) => tally.of(f, "ok") === 0).map((f) => `vacuous: no ${f} succeeded`),
    ...nemeses.filter((name) => (faults[name] ?? 0) === 0).map((name) => `vacuous: no ${name} happened`),
  ];
}

/** Illegal when anything proves it; ok only when nothing is missing for a proof of the contrary. */
export function judge(evidence: Evidence): Judgement {
  const { check, convergence, problems } = evidence;
  const illegal = [
    ...(check.verdict === "illegal" ? [check.explanation] : []),
    ...(convergence.kind === "diverged"
      ? [
          `diverged: different states at index ${convergence.appliedIndex}: ${JSON.stringify(convergence.hashes)}`,
        ]
      : []),
  ];
  const doubts = [
    ...(check.verdict === "unknown" ? [check.explanation] : []),
    ...(convergence.kind === "unsettled" ? [`the nodes did not settle: ${convergence.reason}`] : []),
    ...problems,
    ...vacuities(evidence),
  ];
  if (illegal.length > 0) return { verdict: "illegal", reasons: [...illegal, ...doubts] };
  return doubts.length > 0 ? { verdict: "unknown", reasons: doubts } : { verdict: "ok", reasons: [] };
}
