import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeConfiguration, type Member } from "../raft/index.js";
import { StateMachine } from "../state-machine/index.js";
import { Acquaintances } from "../storage/acquaintances.js";
import type { Identity } from "../storage/identity-file.js";
import { Roster } from "./roster.js";

let dir = "";
let notes: Acquaintances;
let machine: StateMachine;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-roster-"));
  notes = new Acquaintances(join(dir, "peers.json"));
  machine = new StateMachine({ change: () => undefined });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const founder = (id: number) => ({ id, name: `n${id}`, address: `h:${id}` });
const identity: Identity = {
  clusterId: 9,
  memberId: 1,
  name: "n1",
  incarnation: "aa",
  ...{ standing: "formed", starts: 1, nonces: ["aa"] },
  founders: [founder(1), founder(2)],
};
const voter = (id: number): Member => ({ ...founder(id), role: "voter" });

function roster(of: Identity = identity, book: readonly (readonly [string, string])[] = []): Roster {
  return new Roster(of, () => machine, new Map(book), notes);
}

function configure(...members: Member[]): void {
  machine.apply(machine.appliedIndex + 1, 1, [], encodeConfiguration({ members }));
}

function introduce(memberId: number, incarnation: string, format = 1): void {
  const body = {
    ...{ kind: "member" as const, memberId, name: `n${memberId}`, incarnation },
    ...{ peerAddress: `h:${memberId}`, clientEndpoint: `c:${memberId}`, format },
  };
  const command = { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body };
  machine.apply(machine.appliedIndex + 1, 1, [command]);
}

it("begins with the first members, and follows what was applied", () => {
  const known = roster();
  expect(known.applied).toMatchObject({ index: 0, configuration: { members: [voter(1), voter(2)] } });
  expect(roster({ ...identity, founders: [] }).applied.configuration.members).toEqual([]);
  configure(voter(1), voter(2), { ...voter(3), role: "learner" });
  expect(known.applied.index).toBe(1);
  expect(known.members().map(({ name, role }) => [name, role])).toEqual([
    ["n1", "voter"],
    ["n2", "voter"],
    ["n3", "learner"],
  ]);
});

it("knows who was removed from who is not a member yet", () => {
  const known = roster();
  expect(known.isRemoved(2)).toBe(false);
  configure(voter(1), voter(2));
  introduce(2, "bb");
  configure(voter(1));
  expect([known.isRemoved(1), known.isRemoved(2), known.isRemoved(3)]).toEqual([false, true, false]);
});

it("knows that a first member was removed which never told anything of itself", () => {
  const known = roster();
  expect(known.isRemoved(2)).toBe(false);
  configure(voter(1));
  expect([known.isRemoved(1), known.isRemoved(2), known.isRemoved(3)]).toEqual([false, true, false]);
});

it("knows a member by its own notes as well as by the log, and takes neither for the other", () => {
  const known = roster();
  known.acquaint(2, "bb");
  expect(known.otherIncarnationOf(2, "bb")).toBeUndefined();
  expect(known.otherIncarnationOf(2, "cc")).toBe("bb");
  // Let in by somebody who did not know better.
  introduce(2, "cc");
  expect(known.otherIncarnationOf(2, "cc")).toBe("bb");
  expect(known.otherIncarnationOf(2, "bb")).toBe("cc");
  expect(known.acquaint(2, "cc")).toBe("bb");
});

it("heeds the newest life of a member for ever", () => {
  const [first, twin, next] = [
    { number: 4, nonce: "aa", before: [] },
    { number: 4, nonce: "bb", before: [] },
    { number: 5, nonce: "cc", before: [] },
  ];
  expect(roster().meet(2, first)).toBeUndefined();
  expect(roster().meet(2, first)).toBeUndefined();
  expect(roster().meet(2, twin)).toEqual(first);
  expect(roster().meet(2, next)).toBeUndefined();
  expect(roster().meet(2, first)).toEqual(next);
  notes = new Acquaintances(join(dir, "peers.json"));
  expect(roster().meet(2, { number: 5, nonce: "dd", before: [] })).toEqual(next);
});

it("remembers the life of a caller that may be a member by an entry that this node lacks, and notes it when it is", () => {
  const known = roster();
  const life = { number: 4, nonce: "aa", before: [] };
  expect(known.meet(7, life)).toBeUndefined();
  expect(known.meet(7, { number: 4, nonce: "bb", before: [] })).toEqual(life);
  expect(notes.lifeOf(7)).toBeUndefined();
  configure(voter(1), voter(2), voter(7));
  expect(known.meet(7, life)).toBeUndefined();
  expect(notes.lifeOf(7)).toBe("4-aa");
  // Anybody may call: of so many strangers, the least recent are forgotten.
  for (let id = 100; id < 200; id++) known.meet(id, life);
  expect(known.meet(100, { number: 1, nonce: "cc", before: [] })).toBeUndefined();
  expect(known.meet(199, { number: 1, nonce: "cc", before: [] })).toEqual(life);
});

it("forgets the lives of members that were removed", () => {
  const known = roster();
  known.meet(2, { number: 1, nonce: "aa", before: [] });
  configure(voter(1), voter(3));
  known.meet(3, { number: 1, nonce: "bb", before: [] });
  expect([notes.lifeOf(2), notes.lifeOf(3)]).toEqual([undefined, "1-bb"]);
});

it("knows a member's data directory from the log, or from when the cluster formed", () => {
  const known = roster();
  expect(known.acquaint(2, "bb")).toBe("bb");
  expect(known.acquaint(2, "cc")).toBe("bb");
  introduce(3, "dd");
  expect(known.acquaint(3, "ee")).toBe("dd");
  expect(known.incarnationOf(4)).toBeUndefined();
});

it("dials first members where it was told to, and others where the configuration says", () => {
  const book = [
    ["n2", "proxy:2"],
    ["n3", "proxy:3"],
  ] as const;
  const addresses = (known: Roster): string[] =>
    known.peersOf({ members: [voter(1), voter(2), voter(3)] }).map(({ address }) => address);
  // Its third member is a later one under the name of a first one that was removed.
  expect(addresses(roster(identity, book))).toEqual(["proxy:2", "h:3"]);
  expect(addresses(roster({ ...identity, founders: [] }, book))).toEqual(["proxy:2", "proxy:3"]);
});

it("dials a member that was moved where the log says, whatever it was told of it at its start", () => {
  const book = [
    ["n1", "old:1"],
    ["n2", "old:2"],
  ] as const;
  // Where the first leader had another list, so that the log's address differs from the node's own before any change.
  const founded = [voter(1), { ...voter(2), address: "leaders:2" }];
  const moved = founded.map(
    (member) => ({ ...member, address: `new:${member.id}`, readdressed: true }) as const,
  );
  for (const founders of [identity.founders, []]) {
    const known = roster({ ...identity, founders }, book);
    expect(known.peersOf({ members: founded }).map(({ address }) => address)).toEqual(["old:2"]);
    expect(known.peersOf({ members: moved }).map(({ address }) => address)).toEqual(["new:2"]);
    expect([known.ownAddress({ members: moved }), known.isReaddressed({ members: moved })]).toEqual([
      "new:1",
      true,
    ]);
    expect([known.ownAddress({ members: founded }), known.isReaddressed({ members: founded })]).toEqual([
      "old:1",
      false,
    ]);
  }
});

it("looks for a member also where it was: before the change is committed, and when it is, since it may not have moved yet", () => {
  const known = roster();
  const moved = [
    voter(1),
    { ...voter(2), address: "new:2", readdressed: true, movedFrom: ["older:2"] },
  ] as const;
  expect(known.peersOf({ members: moved })).toEqual([
    { id: 2, name: "n2", address: "new:2", before: ["h:2", "older:2"] },
  ]);
  configure(...moved);
  expect(known.peersOf({ members: moved })).toEqual([
    { id: 2, name: "n2", address: "new:2", before: ["older:2"] },
  ]);
});

it("knows a member that joined and lacks a format", () => {
  const known = roster();
  introduce(1, "aa", 2);
  expect(known.lacking(2)).toBeUndefined();
  introduce(2, "bb");
  expect(known.lacking(1)).toBeUndefined();
  expect(known.lacking(2)?.name).toBe("n2");
});

it("waits for a first member that takes part to tell, itself among them, but not for one that cannot", () => {
  const known = roster();
  expect(known.lacking(1)?.name).toBe("n1");
  introduce(1, "aa", 1);
  // Whoever takes part has made itself known to all the others before.
  expect(known.lacking(1)).toBeUndefined();
  known.acquaint(2, "bb");
  expect(known.lacking(1)?.name).toBe("n2");
  expect(known.lacking(1, 2)).toBeUndefined();
  introduce(2, "bb", 1);
  expect(known.lacking(1)).toBeUndefined();
});

it("waits for every first member where it is none itself: nobody made himself known to it", () => {
  const known = roster({ ...identity, memberId: 3, founders: [] });
  // Nobody waits for a learner that never came.
  configure(voter(1), voter(2), voter(3), { ...voter(4), role: "learner" });
  introduce(1, "aa", 1);
  introduce(3, "cc", 1);
  expect(known.lacking(1)?.name).toBe("n2");
  expect(known.lacking(1, 2)).toBeUndefined();
  introduce(2, "bb", 1);
  expect(known.lacking(1)).toBeUndefined();
});

it("does not know what a voter understands that joined and has not told", () => {
  const known = roster();
  introduce(1, "aa", 1);
  configure(voter(1), voter(2), { ...voter(3), role: "learner" });
  // What a node is given that joins; it may run any version.
  introduce(3, "cc", 0);
  expect(known.lacking(1)).toBeUndefined();
  configure(voter(1), voter(2), voter(3));
  expect(known.lacking(1)?.name).toBe("n3");
  introduce(3, "cc", 1);
  expect(known.lacking(1)).toBeUndefined();
});

it("knows a learner of an older version than every voter", () => {
  const known = roster();
  configure(voter(1), voter(2), { ...voter(3), role: "learner" });
  // Before anybody said anything, nothing is in the log that an older version would not understand.
  expect(known.isOlderThanVoters(3)).toBe(false);
  introduce(1, "aa", 3);
  // Of a voter that has told nothing yet nothing follows.
  expect(known.isOlderThanVoters(3)).toBe(true);
  introduce(2, "bb", 2);
  expect(known.isOlderThanVoters(3)).toBe(true);
  introduce(3, "cc", 1);
  expect(known.isOlderThanVoters(3)).toBe(true);
  introduce(3, "cc", 2);
  expect(known.isOlderThanVoters(3)).toBe(false);
});
