import { describe, expect, it } from "vitest";
import { HandMadeRun, tripped } from "../invariants/hand-made-run.test-support.js";

describe("CODE", () => {
  const told: readonly [string, (run: HandMadeRun, code: string) => void][] = [
    ["an operation that failed", (run, code) => run.client({ kind: "failed", operation: get(run), code })],
    [
      "an operation of unknown outcome",
      (run, code) => run.client({ kind: "unknown", operation: get(run), code }),
    ],
    [
      "a lock that was not granted",
      (run, code) => run.client({ kind: "lockFailed", attempt: 1, path: "/l", code }),
    ],
    ["a watch that ended", (run, code) => run.client({ kind: "watchEnded", watch: 1, code })],
    ["another call", (run, code) => run.client({ kind: "callFailed", what: "session", code })],
  ];

  it.each(told)("trips on a defect, or what nobody provoked, told by %s", (_, tell) => {
    for (const code of ["INTERNAL", "INVALID_ARGUMENT", "TOO_LARGE", "SEQUENCE_FORGOTTEN", "UNHEARD_OF"]) {
      expect(tripped(() => tell(new HandMadeRun(), code))).toBe("CODE");
    }
    expect(tripped(() => tell(new HandMadeRun(), "NO_QUORUM"))).toBeUndefined();
  });

  it("leaves a watch alone that its client ended", () => {
    const run = new HandMadeRun();
    expect(tripped(() => run.client({ kind: "watchEnded", watch: 1, code: undefined }))).toBeUndefined();
  });
});

function get(run: HandMadeRun): number {
  return run.invoke({ f: "get", path: "/r", serializable: undefined, revision: 0 });
}
