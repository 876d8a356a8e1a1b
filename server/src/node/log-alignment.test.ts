import { describe, expect, it } from "vitest";
import { type AlignedLog, alignLog } from "./log-alignment.js";

interface Position {
  readonly index: number;
  readonly term: number;
}

/** A log of entries of term 1 up to `last`, behind `start`. */
function logOf(start: Position, last: number, announced: Position | undefined) {
  const resets: Position[] = [];
  const log: AlignedLog = {
    start: () => start,
    lastIndex: () => last,
    term: () => 1,
    announcedInstall: () => announced,
    reset: (position) => resets.push(position),
  };
  return { log, resets };
}

const stateAt = (appliedIndex: number, appliedTerm: number) => ({ appliedIndex, appliedTerm });

describe("the log and the state at a start", () => {
  it("fit when the log holds the entry that the state stands at", () => {
    const { log, resets } = logOf({ index: 2, term: 1 }, 9, undefined);
    alignLog(log, stateAt(5, 1));
    alignLog(log, stateAt(2, 1));
    expect(resets).toEqual([]);
  });

  it("are made to fit after a crash between the installation of a snapshot and the reset of the log", () => {
    const { log, resets } = logOf({ index: 0, term: 0 }, 9, { index: 20, term: 3 });
    alignLog(log, stateAt(20, 3));
    expect(resets).toEqual([{ index: 20, term: 3 }]);
  });

  it("do not fit when the log begins after the state, or ends before it and no snapshot was announced", () => {
    expect(() => alignLog(logOf({ index: 7, term: 1 }, 9, undefined).log, stateAt(5, 1))).toThrow(
      "begins after 7",
    );
    expect(() => alignLog(logOf({ index: 0, term: 0 }, 9, undefined).log, stateAt(20, 1))).toThrow(
      "ends at 9",
    );
    expect(() =>
      alignLog(logOf({ index: 0, term: 0 }, 9, { index: 19, term: 1 }).log, stateAt(20, 1)),
    ).toThrow("ends at 9");
    expect(() => alignLog(logOf({ index: 0, term: 0 }, 9, undefined).log, stateAt(5, 2))).toThrow(
      "another entry",
    );
  });
});
