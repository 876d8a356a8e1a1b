import { describe, expect, it } from "vitest";
import type { CommandBody, Result } from "../state-machine/index.js";
import type { Failure } from "./failure.js";
import { Proposals, sessionless } from "./proposals.js";

const good: CommandBody = { kind: "revoke", lease: 1 };
/** Fits in no int64, so it cannot be encoded. */
const bad: CommandBody = { kind: "revoke", lease: 2 ** 63 };

describe("proposals", () => {
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
