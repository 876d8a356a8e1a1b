import { describe, expect, it } from "vitest";
import type { StateChange } from "../client/options.js";
import { SessionStates } from "./session-states.js";

type Step = "connected" | "suspended" | "expired" | "closed";

function reports(steps: readonly Step[]): StateChange[] {
  const told: StateChange[] = [];
  const states = new SessionStates((change) => told.push(change));
  for (const step of steps) {
    if (step === "connected") states.connected();
    else if (step === "suspended") states.suspended();
    else states.ended(step);
  }
  return told;
}

describe("what an application is told of its session", () => {
  it("is that it was resumed, whenever it works again after a suspension", () => {
    const steps: Step[] = ["connected", "suspended", "connected", "suspended", "connected", "closed"];
    expect(reports(steps)).toEqual(["connected", "suspended", "resumed", "suspended", "resumed", "closed"]);
  });

  it("is never the same twice, nor anything after the end but that an expired one was closed", () => {
    expect(reports(["connected", "connected", "suspended", "suspended", "expired", "connected"])).toEqual([
      "connected",
      "suspended",
      "expired",
    ]);
    expect(reports(["connected", "expired", "suspended", "closed", "expired", "connected"])).toEqual([
      "connected",
      "expired",
      "closed",
    ]);
  });
});
