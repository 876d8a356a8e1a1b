import type { Member, NodeStatus } from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { nodeLines } from "./cluster-status.js";

const member = (name: string, clientEndpoint: string): Member => ({
  name,
  memberId: "",
  peerAddress: "",
  clientEndpoint,
  learner: false,
  leader: false,
  format: 0,
});

const status = (name: string, role: NodeStatus["role"]): NodeStatus => ({
  name,
  memberId: "",
  clusterId: "",
  endpoint: "",
  role,
  term: 2,
  leaderId: undefined,
  revision: 7,
  compactedRevision: 0,
  appliedIndex: 9,
  commitIndex: 9,
  stateHash: "",
  version: "",
  keyCount: 0,
  leaseCount: 0,
  logFirstIndex: 1,
  watchCount: 0,
});

const summary = (
  members: readonly Member[],
  answers: readonly (readonly [string, NodeStatus | undefined])[],
): string[] =>
  nodeLines(members, new Map(answers)).map(({ name, endpoint, role }) => `${name} ${endpoint} ${role}`);

describe("the status of a cluster", () => {
  it("lists every member in the order of names, whether it answered or not", () => {
    const members = [member("n10", "h:10"), member("n2", "h:2"), member("n1", "h:1")];
    expect(
      summary(members, [
        ["h:2", status("n2", "leader")],
        ["h:1", undefined],
        ["h:10", status("n10", "follower")],
      ]),
    ).toEqual(["n1 h:1 unreachable", "n2 h:2 leader", "n10 h:10 follower"]);
  });

  it("lists a node once, under the endpoint asked first, though it advertises another", () => {
    expect(
      summary(
        [member("n1", "inside:1")],
        [
          ["outside:1", status("n1", "leader")],
          ["inside:1", undefined],
        ],
      ),
    ).toEqual(["n1 outside:1 leader"]);
  });

  it("lists a configured endpoint that answers nothing and is no known member's", () => {
    expect(
      summary(
        [member("n1", "h:1")],
        [
          ["h:1", status("n1", "leader")],
          ["typo:1", undefined],
        ],
      ),
    ).toEqual(["n1 h:1 leader", "null typo:1 unreachable"]);
  });
});
