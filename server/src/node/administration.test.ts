import { describe, expect, it } from "vitest";
import type { Configuration, Raft } from "../raft/index.js";
import { type AdministeredChange, type AdministeredDone, Administration } from "./administration.js";
import { noQuorum } from "./failure.js";
import type { Fresh } from "./reads.js";
import type { Roster } from "./roster.js";

const three: Configuration = {
  members: [1, 2, 3].map((id) => ({ id, name: `n${id}`, address: `h:${id}`, role: "voter" })),
};
const without = (name: string): Configuration => ({
  members: three.members.filter((member) => member.name !== name),
});

/** The administration of a leader whose log says `newest`, and of which `committed` is applied. */
function asked(change: AdministeredChange, newest: Configuration, committed: Configuration) {
  const reads: Fresh[] = [];
  const changes: unknown[] = [];
  const answers: Parameters<AdministeredDone>[0][] = [];
  const raft = {
    leader: 1,
    isLeader: true,
    configuration: newest,
    configurationIndex: 9,
    followers: () => [2, 3].map((id) => ({ id, standing: "voter", active: true })),
    changeMembership: (asked: unknown) => {
      changes.push(asked);
      return { accepted: true, index: 10, term: 1 };
    },
  } as unknown as Raft;
  const roster = {
    applied: { index: 8, configuration: committed },
    find: (id: number) => committed.members.find((member) => member.id === id),
  } as unknown as Roster;
  const administration = new Administration({
    self: 1,
    raft,
    roster,
    appliedIndex: () => 8,
    read: (fresh) => reads.push(fresh),
    link: () => undefined,
    schedule: () => undefined,
    patienceMs: 1_000,
  });
  administration.change(change, (answer) => answers.push(answer));
  return { reads, changes, answers };
}

const removal: AdministeredChange = {
  case: "remove",
  value: { $typeName: "quorate.v1.RemoveMemberRequest", member: "n3" },
};
const refusal = (message: RegExp) => ({
  kind: "failure",
  code: "MEMBERSHIP_REFUSED",
  message: expect.stringMatching(message),
});

describe("a removal", () => {
  it("of a member whose removal is not committed is not told as done", () => {
    const { reads, answers } = asked(removal, without("n3"), three);
    reads[0]?.();
    expect(answers).toEqual([refusal(/"n3" is not committed yet/)]);
  });

  it("of a member that is not in what is committed is refused only after a read of the cluster", () => {
    const { reads, answers, changes } = asked(removal, without("n3"), without("n3"));
    expect(answers).toEqual([]);
    reads[0]?.();
    expect(answers).toEqual([refusal(/there is no member "n3"/)]);
    expect(changes).toEqual([]);
  });

  it("without a quorum says so, and changes nothing", () => {
    const { reads, answers, changes } = asked(removal, three, without("n3"));
    reads[0]?.(noQuorum);
    expect(answers).toEqual([noQuorum]);
    expect(changes).toEqual([]);
  });

  it("goes on to the leader's decision", () => {
    const { reads, answers, changes } = asked(removal, three, three);
    reads[0]?.();
    expect(changes).toEqual([{ kind: "remove", id: 3 }]);
    expect(answers).toEqual([]);
  });
});
