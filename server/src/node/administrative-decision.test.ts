import { describe, expect, it } from "vitest";
import type { FollowerStatus, Member, MembershipChange } from "../raft/index.js";
import { type DecidingRaft, decide, heirOf } from "./administrative-decision.js";

const SELF = 1;

function member(id: number, role: Member["role"] = "voter"): Member {
  return { id, name: `n${id}`, address: `h:${id}`, role };
}

/** A leader of these members that hears from those that are `up`, and notes what it is given to do. */
class Leader implements DecidingRaft {
  isLeader = true;
  readonly configurationIndex = 5;
  readonly configuration: { readonly members: readonly Member[] };
  readonly changes: MembershipChange[] = [];
  readonly transfers: number[] = [];
  private readonly up: readonly number[];

  constructor(members: readonly Member[], up: readonly number[]) {
    this.configuration = { members };
    this.up = up;
  }

  changeMembership(change: MembershipChange) {
    this.changes.push(change);
    return { accepted: true, index: 8, term: 2 } as const;
  }

  transferLeadership(to: number) {
    this.transfers.push(to);
    return { accepted: true } as const;
  }

  followers(): FollowerStatus[] {
    return this.configuration.members
      .filter(({ id }) => id !== SELF)
      .map(({ id, role }) => ({
        id,
        standing: role,
        state: "replicate",
        matchIndex: id,
        active: this.up.includes(id),
      }));
  }
}

const three = [member(1), member(2), member(3)];

const add = (raft: Leader, name: string, peerAddress: string) =>
  decide(raft, SELF, {
    case: "add",
    value: { $typeName: "quorate.v1.AddMemberRequest", name, peerAddress },
  });
const remove = (raft: Leader, named: string) =>
  decide(raft, SELF, {
    case: "remove",
    value: { $typeName: "quorate.v1.RemoveMemberRequest", member: named },
  });
const update = (raft: Leader, named: string, peerAddress: string) =>
  decide(raft, SELF, {
    case: "update",
    value: { $typeName: "quorate.v1.UpdateMemberRequest", member: named, peerAddress },
  });
const promote = (raft: Leader, named: string) =>
  decide(raft, SELF, {
    case: "promote",
    value: { $typeName: "quorate.v1.PromoteMemberRequest", member: named },
  });
const transfer = (raft: Leader, named: string) =>
  decide(raft, SELF, {
    case: "transfer",
    value: { $typeName: "quorate.v1.TransferLeadershipRequest", member: named },
  });
const refused = (message: RegExp) => ({
  kind: "failure",
  code: "MEMBERSHIP_REFUSED",
  message: expect.stringMatching(message),
});

describe("adding", () => {
  it("gives the member an id that none had before, each time another one", () => {
    const raft = new Leader(three, [2, 3]);
    add(raft, "n4", "h:4");
    add(raft, "n4", "h:4");
    const ids = raft.changes.map(({ id }) => id);
    expect(new Set([...ids, 0, 1, 2, 3]).size).toBe(6);
    expect(ids.every(Number.isSafeInteger)).toBe(true);
  });

  it("returns the member that is there when asked again, and refuses its name or address to another", () => {
    const raft = new Leader([...three, member(4, "learner")], [2, 3]);
    expect(add(raft, "n4", "h:4")).toEqual({ kind: "decided", memberId: 4, index: 5 });
    expect(add(raft, "n3", "h:9")).toEqual(refused(/there is a member "n3" already, at h:3/));
    // A voter was not added a moment ago: who adds it again has lost it, and must remove it first.
    expect(add(raft, "n3", "h:3")).toEqual(
      refused(/there is a member "n3" already.*quorate member remove n3/),
    );
    expect(add(raft, "n9", "h:3")).toEqual(refused(/"n3" has the peer address h:3/));
    expect(raft.changes).toEqual([]);
  });

  it("stops at the bound", () => {
    const many = Array.from({ length: 16 }, (_, i) => member(i + 1, i === 0 ? "voter" : "learner"));
    expect(add(new Leader(many, []), "n99", "h:99")).toEqual(refused(/at most 16 members/));
  });
});

describe("removing", () => {
  it("takes a name or an id", () => {
    const raft = new Leader(three, [2, 3]);
    expect(remove(raft, "n3")).toEqual({ kind: "decided", memberId: 3, index: 8 });
    expect(remove(raft, "0000000000000002")).toEqual({ kind: "decided", memberId: 2, index: 8 });
    expect(remove(raft, "n9")).toEqual({ kind: "missing", named: "n9" });
    expect(promote(raft, "n9")).toEqual({ kind: "missing", named: "n9" });
  });

  it("takes an id for an id, even where another member has it for a name", () => {
    const raft = new Leader([...three, { ...member(4, "learner"), name: "0000000000000002" }], [2, 3]);
    expect(remove(raft, "0000000000000002")).toMatchObject({ memberId: 2 });
    expect(remove(raft, "0000000000000009")).toMatchObject({ kind: "missing" });
  });

  it("lets the dead go, and refuses what would leave no live majority", () => {
    const raft = new Leader(three, [2]);
    expect(remove(raft, "n2")).toEqual(refused(/without "n2" only 1 of 2 voters would be up/));
    expect(remove(raft, "n1")).toEqual(refused(/only 1 of 2/));
    expect(raft.changes).toEqual([]);
    expect(remove(raft, "n3")).toMatchObject({ kind: "decided" });
  });

  it("does not count learners", () => {
    const raft = new Leader([...three, member(4, "learner")], [2, 4]);
    expect(remove(raft, "n2")).toEqual(refused(/only 1 of 2/));
    expect(remove(raft, "n4")).toMatchObject({ kind: "decided" });
  });
});

describe("promoting", () => {
  it("is done when it is done, and refuses what would leave no live majority", () => {
    const two = [member(1), member(2), member(3, "learner")];
    expect(promote(new Leader(two, [2, 3]), "n3")).toMatchObject({ kind: "decided", index: 8 });
    expect(promote(new Leader(two, [2, 3]), "n2")).toMatchObject({ kind: "decided", index: 5 });
    const four = [...three, member(4, "learner")];
    expect(promote(new Leader(four, [2, 4]), "n4")).toMatchObject({ kind: "decided" });
    expect(promote(new Leader(four, [4]), "n4")).toEqual(refused(/with "n4" voting only 2 of 4 voters/));
  });
});

describe("moving", () => {
  it("gives a member another address, the leader too", () => {
    const raft = new Leader(three, [2, 3]);
    expect(update(raft, "n2", "new:2")).toEqual({ kind: "decided", memberId: 2, index: 8 });
    expect(update(raft, "0000000000000001", "new:1")).toEqual({ kind: "decided", memberId: 1, index: 8 });
    expect(raft.changes).toEqual([
      { kind: "readdress", id: 2, address: "new:2" },
      { kind: "readdress", id: 1, address: "new:1" },
    ]);
    expect(update(raft, "n9", "new:9")).toEqual({ kind: "missing", named: "n9" });
  });

  it("is done when it is done, and refuses another member's address", () => {
    const moved: Member = { ...member(3), address: "new:3", readdressed: true };
    const raft = new Leader([member(1), member(2), moved], [2, 3]);
    expect(update(raft, "n3", "new:3")).toEqual({ kind: "decided", memberId: 3, index: 5 });
    expect(update(raft, "n3", "h:2")).toEqual(refused(/member "n2" has the peer address h:2 already/));
    expect(raft.changes).toEqual([]);
  });

  it("makes an address of the founding everybody's", () => {
    const raft = new Leader(three, [2, 3]);
    expect(update(raft, "n3", "h:3")).toMatchObject({ kind: "decided", index: 8 });
    expect(raft.changes).toEqual([{ kind: "readdress", id: 3, address: "h:3" }]);
  });

  it("refuses to move a voter that the others cannot do without", () => {
    const raft = new Leader(three, [2]);
    expect(update(raft, "n2", "new:2")).toEqual(
      refused(/while "n2" moves only 1 of 3 voters would be up, and 2 are needed: bring the voters/),
    );
    expect(update(raft, "n1", "new:1")).toEqual(refused(/only 1 of 3/));
    expect(raft.changes).toEqual([]);
    expect(update(raft, "n3", "new:3")).toMatchObject({ kind: "decided" });
  });

  it("refuses that neither for a learner nor where there are no others", () => {
    const learning = new Leader([...three, member(4, "learner")], [4]);
    expect(update(learning, "n4", "new:4")).toMatchObject({ kind: "decided" });
    const two = new Leader([member(1), member(2)], [2]);
    expect(update(two, "n1", "new:1")).toMatchObject({ kind: "decided" });
    expect(update(two, "n2", "new:2")).toMatchObject({ kind: "decided" });
    expect(update(new Leader([member(1)], []), "n1", "new:1")).toMatchObject({ kind: "decided" });
  });
});

describe("handing over", () => {
  it("chooses the voter that has most of the log among those that answer", () => {
    const raft = new Leader([...three, member(4, "learner")], [2, 4]);
    expect(heirOf(raft)).toBe(2);
    expect(transfer(raft, "")).toMatchObject({ kind: "decided", memberId: 2 });
    expect(raft.transfers).toEqual([2]);
    expect(heirOf(new Leader(three, []))).toBeUndefined();
    expect(transfer(new Leader(three, []), "")).toEqual(refused(/no other voter/));
  });

  it("does not say of its uncommitted configuration that there is no such member", () => {
    expect(transfer(new Leader(three, [2, 3]), "n9")).toEqual({ kind: "missing", named: "n9" });
  });

  it("is done when the leader is asked to lead", () => {
    const raft = new Leader(three, [2, 3]);
    expect(transfer(raft, "n1")).toMatchObject({ kind: "decided", memberId: 1 });
    expect(raft.transfers).toEqual([]);
  });
});

it("decides nothing where it does not lead", () => {
  const raft = new Leader(three, [2, 3]);
  raft.isLeader = false;
  expect(remove(raft, "n3")).toMatchObject({ kind: "failure", code: "NO_QUORUM" });
  expect(raft.changes).toEqual([]);
});

it("hands the leadership only to a voter that answers", () => {
  const raft = new Leader([...three, member(4, "learner")], [2]);
  expect(transfer(raft, "n3")).toEqual(refused(/"n3" does not answer/));
  expect(raft.transfers).toEqual([]);
  expect(transfer(raft, "n2")).toMatchObject({ kind: "decided", memberId: 2 });
  // That a learner cannot lead is for Raft to say, whether or not it answers.
  transfer(raft, "n4");
  expect(raft.transfers).toEqual([2, 4]);
});
