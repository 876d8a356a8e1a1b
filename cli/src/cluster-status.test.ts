import type { Member, NodeStatus } from "@quorate/sdk";
import { describe, expect, it } from "vitest";
import { nodeLines, strangers } from "./cluster-status.js";

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
  historyId: "0123456789abcdef",
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
  unheard: false,
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

  it("tells a follower that the leader does not hear from one that is led", () => {
    const answers = [
      ["h:1", status("n1", "leader")],
      ["h:2", { ...status("n2", "follower"), unheard: true }],
    ] as const;
    expect(summary([], answers)).toEqual(["n1 h:1 leader", "n2 h:2 unheard"]);
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

  it("tells apart an endpoint that answers nothing and is no member's, as that of a removed one", () => {
    const members = [member("n1", "h:1"), member("n2", "h:2")];
    const answers = new Map([
      ["h:1", status("n1", "leader")],
      ["h:2", undefined],
      ["removed:1", undefined],
    ]);
    expect(summary(members, [...answers])).toEqual(["n1 h:1 leader", "n2 h:2 unreachable"]);
    expect(strangers(members, answers)).toEqual(["removed:1"]);
  });

  it("lists every endpoint while nobody says who the members are", () => {
    expect(summary([], [["h:1", undefined]])).toEqual(["null h:1 unreachable"]);
    expect(strangers([], new Map([["h:1", undefined]]))).toEqual([]);
  });
});
