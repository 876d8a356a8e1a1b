import { afterEach, describe, expect, it, vi } from "vitest";
import { bounds } from "../config.js";
import type { CommandBody, Result } from "../state-machine/index.js";
import { type Failure, noQuorum } from "./failure.js";
import { Proposals, sessionless } from "./proposals.js";

const good: CommandBody = { kind: "revoke", lease: 1 };
/** Fits in no int64, so it cannot be encoded. */
const bad: CommandBody = { kind: "revoke", lease: 2 ** 63 };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("proposals", () => {
  it("are refused while too many wait to be applied, and taken again when fewer do", () => {
    vi.spyOn(bounds, "pendingCommandsMax", "get").mockReturnValue(2);
    const proposals = new Proposals(1n, 1);
    const outcomes: (Result | Failure)[] = [];
    const collect = (): void => proposals.collect(sessionless(good), (outcome) => outcomes.push(outcome));
    collect();
    collect();
    const [batch] = proposals.takeBatches(0);
    collect();
    expect(outcomes).toMatchObject([{ kind: "failure", code: "OVERLOADED" }]);
    proposals.fail(batch?.id ?? 0, noQuorum);
    expect(outcomes).toHaveLength(3);
    collect();
    expect(outcomes).toHaveLength(3);
    expect(proposals.pending).toBe(1);
  });

  it("about leases are taken however many wait, before the others and in a batch of their own", () => {
    vi.spyOn(bounds, "pendingCommandsMax", "get").mockReturnValue(1);
    const proposals = new Proposals(1n, 1);
    const outcomes: (Result | Failure)[] = [];
    proposals.collect(sessionless(good), (outcome) => outcomes.push(outcome));
    proposals.collect(sessionless(good), (outcome) => outcomes.push(outcome), true);
    expect(outcomes).toEqual([]);
    expect(proposals.takeBatches(0).map(({ ofLeases }) => ofLeases)).toEqual([true, false]);
    expect(proposals.hasCollected).toBe(false);
    proposals.collect(sessionless(good), (outcome) => outcomes.push(outcome), true);
    proposals.refuseCollected(noQuorum);
    expect(outcomes).toEqual([noQuorum]);
    expect(proposals.pending).toBe(2);
  });

  it("fail a batch that cannot be encoded, and no other", () => {
    const proposals = new Proposals(1n, 1);
    const outcomes: (Result | Failure)[] = [];
    proposals.collect(sessionless(bad), (outcome) => outcomes.push(outcome));
    expect(proposals.takeBatches(0)).toEqual([]);
    expect(outcomes).toMatchObject([{ kind: "failure", code: "INTERNAL" }]);
    expect(proposals.pending).toBe(0);
    proposals.collect(sessionless(good), (outcome) => outcomes.push(outcome));
    expect(proposals.takeBatches(0)).toHaveLength(1);
    expect(outcomes).toHaveLength(1);
    expect(proposals.pending).toBe(1);
  });
});
