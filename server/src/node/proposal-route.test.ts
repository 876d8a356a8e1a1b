import { describe, expect, it } from "vitest";
import type { Proposal, Raft } from "../raft/index.js";
import type { Result } from "../state-machine/index.js";
import type { Failure } from "./failure.js";
import { ProposalRoute } from "./proposal-route.js";
import { Proposals, sessionless } from "./proposals.js";

type Reason = Extract<Proposal, { accepted: false }>["reason"];

const CODES: readonly (readonly [Reason, Failure["code"]])[] = [
  ["overloaded", "OVERLOADED"],
  ["notLeader", "NO_QUORUM"],
  ["transferring", "NO_QUORUM"],
];

/** Nodes 1, the leader, and 2, whose Raft refuses everything for `reason`; what one sends the other gets at once. */
function refusing(reason: Reason) {
  const outcomes: (Result | Failure)[] = [];
  const nodes = [1, 2].map((self) => {
    const propose = (): Proposal => ({ accepted: false, reason });
    const raft = { leader: 1, isLed: true, propose } as unknown as Raft;
    const proposals = new Proposals(BigInt(self), self * 1_000);
    const route: ProposalRoute = new ProposalRoute(self, raft, proposals, (to, message) => {
      const receiver = nodes[to - 1]?.route;
      if (message.case === "propose") receiver?.proposed(self, message.value.batches);
      else {
        const value = { $typeName: "quorate.v1.ProposeRejected", ...message.value } as const;
        receiver?.rejected({ case: "proposeRejected", value });
      }
    });
    const put = (): void => {
      proposals.collect(sessionless({ kind: "revoke", lease: 1 }), (outcome) => outcomes.push(outcome));
      route.propose(0);
    };
    return { route, proposals, put };
  });
  return { nodes, outcomes };
}

describe("a mutation that the leader's log does not take", () => {
  it.each(CODES)("for the reason %s fails with %s, at the leader and at a follower alike", (reason, code) => {
    const { nodes, outcomes } = refusing(reason);
    for (const { put, proposals } of nodes) {
      put();
      expect(proposals.pending).toBe(0);
    }
    expect(outcomes).toMatchObject([
      { kind: "failure", code },
      { kind: "failure", code },
    ]);
  });
});
