import type { AdministerResponse } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import type { Configuration, Raft } from "../raft/index.js";
import { removal } from "../transport/handshake.js";
import type { PeerLink } from "../transport/peer-link.js";
import { type AdministeredChange, type AdministeredDone, Administration } from "./administration.js";
import { noQuorum } from "./failure.js";
import type { Fresh } from "./reads.js";
import type { Roster } from "./roster.js";

const three: Configuration = {
  members: [1, 2, 3].map((id) => ({ id, name: `n${id}`, address: `h:${id}`, role: "voter" })),
};
const CLUSTER = 7;
const without = (name: string): Configuration => ({
  members: three.members.filter((member) => member.name !== name),
});

/** What the asked node is: its id, what is committed, and what the leader's log says, which may be its own. */
interface World {
  readonly olderMember: string | undefined;
  /** The formats that the leader knows members to understand, by id; of others it has no record. */
  readonly formats: Readonly<Record<number, number>>;
  /** The member that the leader hears nothing of. */
  readonly unheard: number | undefined;
  readonly self: number;
  readonly leader: number;
  readonly newest: Configuration;
  readonly committed: Configuration;
}

/** The administration of such a node, with what it asked of others so far. */
function asked(change: AdministeredChange, world: Partial<World> = {}) {
  const { self, leader, newest, committed, olderMember, unheard, formats } = {
    olderMember: undefined,
    unheard: undefined,
    formats: { 1: 3, 2: 3, 3: 3 },
    self: 1,
    leader: 1,
    newest: three,
    committed: three,
    ...world,
  };
  const reads: Fresh[] = [];
  const changes: unknown[] = [];
  const passedOn: ((error: Error | null, response?: AdministerResponse) => void)[] = [];
  const answers: Parameters<AdministeredDone>[0][] = [];
  let appliedIndex = 8;
  /** Whether the other node was told to stand, or still may be. */
  const transfer = { told: true };
  const isPending = newest !== committed;
  const raft = {
    leader,
    term: 4,
    get isLeader() {
      return this.leader === self;
    },
    cannotTakeOver: () => raft.isLeader && !transfer.told,
    configuration: newest,
    configurationIndex: 9,
    followers: () => [2, 3].map((id) => ({ id, standing: "voter", active: true })),
    isSilent: (id: number) => id === unheard,
    changeMembership: (asked: unknown) => {
      if (isPending) return { accepted: false, reason: "pendingChange" };
      changes.push(asked);
      return { accepted: true, index: 10, term: 1 };
    },
    transferLeadership: () => ({ accepted: true }),
  };
  const roster = {
    applied: { index: 8, configuration: committed },
    find: (id: number) => committed.members.find((member) => member.id === id),
    formatOf: (id: number) => formats[id] ?? 0,
    isOlderThanVoters: (id: number) => (formats[id] ?? 0) < 3,
    lacking: (_format: number, cannotTell: number | undefined) =>
      committed.members.find(({ id, name }) => name === olderMember && id !== cannotTell),
  } as unknown as Roster;
  const link = {
    isConnected: true,
    handshake: { clusterId: CLUSTER, from: self },
    client: {
      makeUnaryRequest: (...call: unknown[]) => passedOn.push(call.at(-1) as (typeof passedOn)[number]),
    },
  } as unknown as PeerLink;
  const administration = new Administration({
    self,
    raft: raft as unknown as Raft,
    roster,
    appliedIndex: () => appliedIndex,
    read: (fresh) => reads.push(fresh),
    link: () => link,
    schedule: () => undefined,
    patienceMs: 1_000,
  });
  administration.change(change, (answer) => answers.push(answer));
  const apply = (configuration: Configuration, index: number) => {
    roster.find = (id) => configuration.members.find((member) => member.id === id);
    appliedIndex = index;
    administration.settle();
  };
  const lead = (id: number, term: number) => {
    raft.leader = id;
    raft.term = term;
    administration.settle();
  };
  return { administration, reads, changes, answers, passedOn, apply, transfer, lead };
}

const removalOf = (member: string): AdministeredChange => ({
  case: "remove",
  value: { $typeName: "quorate.v1.RemoveMemberRequest", member },
});
const moveOf = (member: string, peerAddress: string): AdministeredChange => ({
  case: "update",
  value: { $typeName: "quorate.v1.UpdateMemberRequest", member, peerAddress },
});
const promotionOf = (member: string): AdministeredChange => ({
  case: "promote",
  value: { $typeName: "quorate.v1.PromoteMemberRequest", member },
});
const transferTo = (member: string): AdministeredChange => ({
  case: "transfer",
  value: { $typeName: "quorate.v1.TransferLeadershipRequest", member },
});
const refusal = (message: RegExp) => ({
  kind: "failure",
  code: "MEMBERSHIP_REFUSED",
  message: expect.stringMatching(message),
});
const unknownLeader = {
  kind: "failure",
  code: "OUTCOME_UNKNOWN",
  message: expect.stringMatching(/`quorate member list` shows who leads/),
};
const noN3 = without("n3");

/** Long enough for what was passed on to be answered. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a removal", () => {
  it("of a member whose removal is not committed is not told as done", () => {
    const { reads, answers } = asked(removalOf("n3"), { newest: noN3 });
    expect(answers).toEqual([]);
    reads[0]?.();
    expect(answers).toEqual([refusal(/"n3" is not committed yet/)]);
  });

  it("of a member that is not in what is committed is refused only after a read of the cluster", () => {
    const { reads, answers, changes } = asked(removalOf("n3"), { newest: noN3, committed: noN3 });
    expect(answers).toEqual([]);
    reads[0]?.();
    expect(answers).toEqual([refusal(/there is no member "n3"/)]);
    expect(changes).toEqual([]);
  });

  it("of a member whose addition is not committed is refused for that, and not as of nobody", () => {
    const { reads, answers, changes } = asked(removalOf("n3"), { committed: noN3 });
    expect(answers).toEqual([refusal(/the change before this one is not committed yet/)]);
    expect(reads).toEqual([]);
    expect(changes).toEqual([]);
  });

  it("of a member that the leader does not know says so without a quorum, and nothing else", () => {
    const { reads, answers, changes } = asked(removalOf("n3"), { newest: noN3, committed: noN3 });
    reads[0]?.(noQuorum);
    expect(answers).toEqual([noQuorum]);
    expect(changes).toEqual([]);
  });

  it("is the leader's decision", () => {
    const { reads, answers, changes } = asked(removalOf("n3"));
    expect(changes).toEqual([{ kind: "remove", id: 3 }]);
    expect([...reads, ...answers]).toEqual([]);
  });

  it("that another node decides is told from what is committed here too", async () => {
    for (const [committed, message] of [
      [three, /"n3" is not committed yet/],
      [noN3, /there is no member "n3"/],
    ] as const) {
      const leader = asked(transferTo(""), { newest: noN3 });
      const { reads, answers, passedOn } = asked(removalOf("n3"), { self: 2, committed });
      leader.administration.passedOn(removalOf("n3"), (response) => passedOn[0]?.(null, response));
      await turn();
      expect(answers).toEqual([]);
      reads[0]?.();
      expect(answers).toEqual([refusal(message)]);
    }
  });

  it("of the asked node itself is done when that node is removed, wherever the change stands, and told once", async () => {
    const atLeader = asked(removalOf("n2"), { self: 2 });
    atLeader.administration.removed();
    expect(atLeader.answers).toEqual([{ kind: "done", memberId: 2 }]);
    atLeader.passedOn[0]?.(new Error("the link broke"));
    await turn();
    expect(atLeader.answers).toHaveLength(1);

    const refused = asked(removalOf("n2"), { self: 2 });
    const refusal = removal(CLUSTER, 2);
    refused.passedOn[0]?.(Object.assign(new Error(refusal.details), refusal));
    await turn();
    expect(refused.answers).toEqual([{ kind: "done", memberId: 2 }]);

    const reading = asked(removalOf("0000000000000001"), { newest: without("n1") });
    reading.administration.removed();
    expect(reading.answers).toEqual([{ kind: "done", memberId: 1 }]);
    reading.reads[0]?.(noQuorum);
    expect(reading.answers).toHaveLength(1);

    const other = asked(removalOf("n3"), { self: 2 });
    other.administration.removed();
    expect(other.answers).toEqual([]);
  });
});

it("leaves no change without an answer when the node stops, and answers none twice", async () => {
  const deciding = asked(removalOf("n3"), { self: 2 });
  deciding.administration.stop();
  expect(deciding.answers).toMatchObject([{ kind: "failure", code: "OUTCOME_UNKNOWN" }]);
  const leader = asked(transferTo(""));
  leader.administration.passedOn(removalOf("n3"), (response) => deciding.passedOn[0]?.(null, response));
  await turn();
  deciding.administration.settle();
  expect(deciding.answers).toHaveLength(1);
  const applying = asked(removalOf("n3"));
  applying.administration.stop();
  expect(applying.answers).toMatchObject([{ kind: "failure", code: "OUTCOME_UNKNOWN" }]);
});

describe("a change of an address", () => {
  const movedTo = (address: string): Configuration => ({
    members: three.members.map((member) =>
      member.name === "n3" ? { ...member, address, readdressed: true } : member,
    ),
  });

  it("is done once it is applied", () => {
    const { answers, changes, apply } = asked(moveOf("n3", "new:3"));
    expect(changes).toEqual([{ kind: "readdress", id: 3, address: "new:3" }]);
    expect(answers).toEqual([]);
    apply(movedTo("new:3"), 10);
    expect(answers).toEqual([{ kind: "done", memberId: 3 }]);
  });

  it("is not told as done when another entry came in its place, or another change after it", () => {
    for (const instead of [three, movedTo("other:3"), noN3]) {
      const { answers, apply } = asked(moveOf("n3", "new:3"));
      apply(instead, 10);
      expect(answers).toMatchObject([{ kind: "failure", code: "OUTCOME_UNKNOWN" }]);
    }
  });

  it("waits until every member that joined can read it", () => {
    const { answers, changes } = asked(moveOf("n3", "new:3"), { olderMember: "n2" });
    expect(answers).toEqual([refusal(/"n2" runs a version that does not know changes of an address/)]);
    expect(changes).toEqual([]);
    const silent = asked(moveOf("n3", "new:3"), { olderMember: "n2", formats: { 1: 3, 3: 3 } });
    expect(silent.answers).toEqual([refusal(/"n2" has not told which version it runs yet/)]);
    expect(silent.changes).toEqual([]);
  });

  it("waits for the member itself to tell what it can read, unless nothing is heard of it", () => {
    const untold = { olderMember: "n3", formats: { 1: 3, 2: 3 } };
    const heard = asked(moveOf("n3", "new:3"), untold);
    expect(heard.answers).toEqual([refusal(/"n3" has not told which version it runs yet/)]);
    expect(heard.changes).toEqual([]);
    const unheard = asked(moveOf("n3", "new:3"), { ...untold, unheard: 3 });
    expect(unheard.changes).toEqual([{ kind: "readdress", id: 3, address: "new:3" }]);
  });

  it("that the leader's version does not know is known not to be made", async () => {
    const { answers, passedOn } = asked(moveOf("n3", "new:3"), { self: 2 });
    passedOn[0]?.(Object.assign(new Error("a change of an unknown kind"), { code: 3 }));
    await turn();
    expect(answers).toEqual([refusal(/the leader runs a version that does not know this change/)]);
  });
});

describe("handing over to a member", () => {
  it("whose removal is not committed says so", () => {
    const { reads, answers } = asked(transferTo("n3"), { newest: noN3 });
    reads[0]?.();
    expect(answers).toEqual([refusal(/"n3" is not committed yet/)]);
  });

  it("that is not in what is committed says so too", () => {
    const { reads, answers } = asked(transferTo("n3"), { newest: noN3, committed: noN3 });
    reads[0]?.();
    expect(answers).toEqual([refusal(/there is no member "n3"/)]);
  });

  it("is done once that member leads", () => {
    const { answers, lead } = asked(transferTo("n2"));
    expect(answers).toEqual([]);
    lead(2, 5);
    expect(answers).toEqual([{ kind: "done", memberId: 2 }]);
  });

  it("that was told to stand and is not heard of is of unknown outcome: it may take over later", () => {
    const { answers, administration, lead } = asked(transferTo("n2"));
    administration.tick(performance.now());
    expect(answers).toEqual([]);
    administration.tick(performance.now() + 2_000);
    expect(answers).toEqual([unknownLeader]);
    lead(2, 5);
    expect(answers).toHaveLength(1);
  });

  it("that was never told to stand is known not to have happened, as long as the leader's term lasts", () => {
    const { answers, administration, transfer } = asked(transferTo("n2"));
    transfer.told = false;
    administration.tick(performance.now());
    expect(answers).toEqual([refusal(/was not told to take over/)]);

    const deposed = asked(transferTo("n2"));
    deposed.transfer.told = false;
    deposed.lead(3, 5);
    deposed.administration.tick(performance.now() + 2_000);
    expect(deposed.answers).toEqual([unknownLeader]);

    // What it told whom in its new term says nothing of the term before.
    const again = asked(transferTo("n2"));
    again.transfer.told = false;
    again.lead(1, 6);
    again.administration.tick(performance.now() + 2_000);
    expect(again.answers).toEqual([unknownLeader]);
  });

  it("through another node is of unknown outcome, even if that one leads meanwhile", async () => {
    const leader = asked(transferTo(""));
    const { answers, administration, passedOn, transfer, lead } = asked(transferTo("n2"), { self: 3 });
    leader.administration.passedOn(transferTo("n2"), (response) => passedOn[0]?.(null, response));
    await turn();
    lead(3, 5);
    transfer.told = false;
    administration.tick(performance.now() + 2_000);
    expect(answers).toEqual([unknownLeader]);
  });

  it("is not taken for done by a node that hears late of an earlier leadership of that member", async () => {
    const leader = asked(transferTo(""));
    leader.lead(1, 6);
    const { answers, passedOn, lead } = asked(transferTo("n2"), { self: 3 });
    leader.administration.passedOn(transferTo("n2"), (response) => passedOn[0]?.(null, response));
    await turn();
    lead(2, 5);
    expect(answers).toEqual([]);
    lead(2, 7);
    expect(answers).toEqual([{ kind: "done", memberId: 2 }]);
  });

  it("that leads already is told once it has confirmed that it does", () => {
    const { reads, answers, lead } = asked(transferTo("n1"));
    expect(answers).toEqual([]);
    reads[0]?.();
    expect(answers).toEqual([{ kind: "done", memberId: 1 }]);

    const cutOff = asked(transferTo("n1"));
    cutOff.reads[0]?.(noQuorum);
    expect(cutOff.answers).toEqual([noQuorum]);

    const deposed = asked(transferTo("n1"));
    deposed.lead(2, 5);
    deposed.reads[0]?.();
    expect(deposed.answers).toEqual([noQuorum]);
    lead(2, 5);
    expect(answers).toHaveLength(1);
  });

  it("that leads already, asked of another node, is confirmed by the leader", async () => {
    const leader = asked(transferTo(""));
    const { answers, passedOn } = asked(transferTo("n1"), { self: 2 });
    leader.administration.passedOn(transferTo("n1"), (response) => passedOn[0]?.(null, response));
    await turn();
    expect(answers).toEqual([]);
    leader.reads[0]?.();
    await turn();
    expect(answers).toEqual([{ kind: "done", memberId: 1 }]);
  });
});

describe("a promotion", () => {
  const [n1, n2, n3] = three.members;
  const members = [n1, n2, n3].flatMap((member, at) =>
    member === undefined ? [] : { ...member, role: at === 2 ? ("learner" as const) : ("voter" as const) },
  );
  const committed: Configuration = { members };

  it("of a learner that knows what the voters know is made", () => {
    const { changes } = asked(promotionOf("n3"), { newest: committed, committed });
    expect(changes).toEqual([{ kind: "promote", id: 3 }]);
  });

  it("of a learner of an older version than every voter is refused: as a voter it could stop at what the log holds", () => {
    const formats = { 1: 3, 2: 3, 3: 2 };
    const { answers, changes } = asked(promotionOf("n3"), { newest: committed, committed, formats });
    expect(answers).toEqual([refusal(/"n3" runs an older version than every voter: upgrade it first/)]);
    expect(changes).toEqual([]);
  });

  it("of a learner that did not say yet what it understands has to wait", () => {
    const formats = { 1: 3, 2: 3 };
    const { answers, changes } = asked(promotionOf("n3"), { newest: committed, committed, formats });
    expect(answers).toEqual([refusal(/"n3" has not caught up/)]);
    expect(changes).toEqual([]);
  });
});
