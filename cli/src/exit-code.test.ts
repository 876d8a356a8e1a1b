import {
  Cancelled,
  CompareFailed,
  Fenced,
  HistoryChanged,
  InvalidArgument,
  NoQuorum,
  OutcomeUnknown,
  SessionExpired,
  Unavailable,
} from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { CommandFailure } from "./command-failure.js";
import { adviceFor, exitCodeOf } from "./exit-code.js";

describe("exit codes", () => {
  it.each([
    ["a compare that failed", new CompareFailed("x", undefined), 1],
    ["a cancelled call", new Cancelled("x"), 1],
    ["a defect", new TypeError("x"), 1],
    ["a bad path", new InvalidArgument("x"), 2],
    ["no quorum", new NoQuorum("x"), 3],
    ["nothing reachable", new Unavailable("x"), 3],
    ["an unknown outcome", new OutcomeUnknown("x"), 4],
    ["a fenced write", new Fenced("x"), 5],
    ["an expired session", new SessionExpired("x"), 5],
    ["another history", new HistoryChanged("x"), 7],
    ["a failure that names its own", new CommandFailure(127, "x"), 127],
  ])("tell %s apart", (_, error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  it("come with advice where there is something to do", () => {
    expect(adviceFor(new NoQuorum("x"))).toContain("quorate status");
    expect(adviceFor(new OutcomeUnknown("x"))).toContain("may or may not");
    expect(adviceFor(new TypeError("x"))).toBeUndefined();
  });
});
