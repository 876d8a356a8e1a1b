import { bounds } from "../config.js";
import type { Configuration, Member, MembershipChangeResult, Raft, TransferResult } from "../raft/index.js";
import type { AdministeredChange } from "../transport/administration.js";
import { type Failure, handingOver, leaderOverloaded, membershipRefused, noQuorum } from "./failure.js";
import { freshMemberId } from "./first-members.js";

/** A change that is on its way, or that there was no need to make. */
export interface Decision {
  readonly kind: "decided";
  /** The member that was named, or that is to lead. */
  readonly memberId: number;
  /** Index of the log entry that makes the change; 0 when there is none. */
  readonly index: number;
}

/**
 * The newest configuration of the leader does not hold the member that was named. It may never be committed, so this says
 * neither that there is no such member nor that it was removed.
 */
export interface Missing {
  readonly kind: "missing";
  readonly named: string;
}

/** What a decision takes of Raft. */
export type DecidingRaft = Pick<
  Raft,
  | "isLeader"
  | "configuration"
  | "configurationIndex"
  | "changeMembership"
  | "transferLeadership"
  | "followers"
>;

/** The leader's decision on a change of the membership or the leader: hands it to Raft, or says why not. */
export function decide(
  raft: DecidingRaft,
  self: number,
  change: AdministeredChange,
): Decision | Missing | Failure {
  if (!raft.isLeader) return noQuorum;
  switch (change.case) {
    case "add":
      return add(raft, change.value.name, change.value.peerAddress);
    case "promote":
      return promote(raft, self, change.value.member);
    case "update":
      return update(raft, self, change.value.member, change.value.peerAddress);
    case "remove":
      return remove(raft, self, change.value.member);
    case "transfer":
      return transfer(raft, self, change.value.member);
  }
}

function add(raft: DecidingRaft, name: string, address: string): Decision | Missing | Failure {
  const { members } = raft.configuration;
  const namesake = members.find((member) => member.name === name);
  // The same question again: its answer may have been lost. Nobody has given that member a vote yet.
  if (namesake?.address === address && namesake.role === "learner") {
    return { kind: "decided", memberId: namesake.id, index: raft.configurationIndex };
  }
  if (namesake !== undefined) {
    return membershipRefused(
      `there is a member "${name}" already, at ${namesake.address}: remove it first (\`quorate member remove ${name}\`), or choose another name`,
    );
  }
  const neighbour = members.find((member) => member.address === address);
  if (neighbour !== undefined) return addressTaken(neighbour);
  if (members.length >= bounds.membersMax) {
    return membershipRefused(`a cluster has at most ${bounds.membersMax} members`);
  }
  const id = freshMemberId(name);
  return decided(raft.changeMembership({ kind: "addLearner", id, name, address }), id, name);
}

function promote(raft: DecidingRaft, self: number, named: string): Decision | Missing | Failure {
  const member = findMember(raft.configuration, named);
  if (member === undefined) return missing(named);
  if (member.role === "voter") {
    return { kind: "decided", memberId: member.id, index: raft.configurationIndex };
  }
  const { members } = raft.configuration;
  const voters = members.filter(({ id, role }) => role === "voter" || id === member.id);
  // Whether the learner itself is up, and has caught up, is for Raft to say.
  const short = shortage(raft, [self, member.id], voters);
  if (short !== undefined) {
    return membershipRefused(
      `with "${member.name}" voting ${short}: bring the voters that are down back first`,
    );
  }
  return decided(raft.changeMembership({ kind: "promote", id: member.id }), member.id, member.name);
}

/**
 * Voters stay who they are, and nobody's link breaks by it. But once its node is restarted, a member with a mistyped
 * address is lost until it is updated again, which takes a majority: so the others must be one. With one or two voters
 * they never are.
 */
function update(
  raft: DecidingRaft,
  self: number,
  named: string,
  address: string,
): Decision | Missing | Failure {
  const { members } = raft.configuration;
  const member = findMember(raft.configuration, named);
  if (member === undefined) return missing(named);
  // The same question again. One that has the address from its founding may be dialled elsewhere by some.
  if (member.address === address && member.readdressed === true) {
    return { kind: "decided", memberId: member.id, index: raft.configurationIndex };
  }
  const neighbour = members.find((other) => other !== member && other.address === address);
  if (neighbour !== undefined) return addressTaken(neighbour);
  const voters = members.filter(({ role }) => role === "voter");
  const short =
    member.role === "voter" && voters.length > 2 ? shortage(raft, [self], voters, member.id) : undefined;
  if (short !== undefined) {
    return membershipRefused(
      `while "${member.name}" moves ${short}: bring the voters that are down back first`,
    );
  }
  const { id, name } = member;
  return decided(raft.changeMembership({ kind: "readdress", id, address }), id, name);
}

function addressTaken({ name, address }: Member): Failure {
  return membershipRefused(`member "${name}" has the peer address ${address} already`);
}

function remove(raft: DecidingRaft, self: number, named: string): Decision | Missing | Failure {
  const member = findMember(raft.configuration, named);
  if (member === undefined) return missing(named);
  const { members } = raft.configuration;
  const voters = members.filter(({ id, role }) => role === "voter" && id !== member.id);
  const short = member.role === "voter" && voters.length > 0 ? shortage(raft, [self], voters) : undefined;
  if (short !== undefined) {
    return membershipRefused(
      `without "${member.name}" ${short}: bring voters back, or promote learners, first`,
    );
  }
  return decided(raft.changeMembership({ kind: "remove", id: member.id }), member.id, member.name);
}

function transfer(raft: DecidingRaft, self: number, named: string): Decision | Missing | Failure {
  const id = named === "" ? heirOf(raft) : findMember(raft.configuration, named)?.id;
  if (id === undefined) {
    return named === "" ? membershipRefused("there is no other voter that could lead") : missing(named);
  }
  if (id === self) return { kind: "decided", memberId: id, index: 0 };
  const name = raft.configuration.members.find((member) => member.id === id)?.name ?? named;
  if (raft.followers().some((each) => each.id === id && each.standing === "voter" && !each.active)) {
    return membershipRefused(`"${name}" does not answer: bring it back first, or choose another voter`);
  }
  const result = raft.transferLeadership(id);
  if (result.accepted) return { kind: "decided", memberId: id, index: 0 };
  return transferRefusal(result.reason, name);
}

/** The voter that should lead next: one that answers, and of these the one with most of the log. */
export function heirOf(raft: DecidingRaft): number | undefined {
  let heir: { id: number; matchIndex: number } | undefined;
  for (const { id, standing, active, matchIndex } of raft.followers()) {
    if (standing !== "voter" || !active) continue;
    if (heir === undefined || matchIndex > heir.matchIndex) heir = { id, matchIndex };
  }
  return heir?.id;
}

/**
 * Why these voters could not commit anything now, without the one that is `away`; undefined when enough of them are `live`
 * or were heard from lately. A change is in effect from when it is in the log: one that leaves no live majority could
 * never be taken back.
 */
function shortage(
  raft: DecidingRaft,
  live: readonly number[],
  voters: readonly Member[],
  away?: number,
): string | undefined {
  const active = new Set([...live, ...raft.followers().flatMap(({ id, active }) => (active ? [id] : []))]);
  const up = voters.filter(({ id }) => active.has(id) && id !== away).length;
  const quorum = Math.floor(voters.length / 2) + 1;
  if (up >= quorum) return undefined;
  return `only ${up} of ${voters.length} voters would be up, and ${quorum} are needed`;
}

/** By id in hexadecimal digits, or by name: a name that looks like another member's id does not stand in for it. */
export function findMember({ members }: Configuration, named: string): Member | undefined {
  const id = /^[0-9a-f]{16}$/i.test(named) ? Number.parseInt(named, 16) : undefined;
  const byId = id === undefined ? undefined : members.find((member) => member.id === id);
  return byId ?? members.find(({ name }) => name === named);
}

function missing(named: string): Missing {
  return { kind: "missing", named };
}

/** To be said only of what is committed: whoever hears it of a removal takes the node's machine away. */
export function unknown(named: string): Failure {
  return membershipRefused(`there is no member "${named}"; \`quorate member list\` shows them`);
}

/** What is committed still holds it and the leader's newest configuration does not, which may be taken back. */
export function unsettled(named: string): Failure {
  return membershipRefused(`a change of member "${named}" is not committed yet: retry when it is`);
}

function decided(
  result: MembershipChangeResult,
  memberId: number,
  name: string,
): Decision | Missing | Failure {
  if (result.accepted) return { kind: "decided", memberId, index: result.index };
  switch (result.reason) {
    case "notLeader":
    case "termNotCommitted":
      return noQuorum;
    case "overloaded":
      return leaderOverloaded;
    case "transferring":
      return handingOver;
    case "pendingChange":
      return membershipRefused("the change before this one is not committed yet: retry when it is");
    case "learnerBehind":
      return learnerBehind(name);
    case "lastVoter":
      return membershipRefused(`"${name}" is the last voter: promote another member first`);
    case "memberExists":
      return membershipRefused(`there is such a member as "${name}" already`);
    case "addressTaken":
      return membershipRefused(`another member than "${name}" has that peer address already`);
    case "unknownMember":
      return missing(name);
    case "notALearner":
      return membershipRefused(`"${name}" is no learner`);
  }
}

/** It does not hold what a voter must, or this node has not applied yet that it takes part. */
export function learnerBehind(name: string): Failure {
  return membershipRefused(
    `learner "${name}" has not caught up with the log yet, or is not running: retry when it has`,
  );
}

function transferRefusal(
  reason: Extract<TransferResult, { accepted: false }>["reason"],
  name: string,
): Missing | Failure {
  switch (reason) {
    case "notLeader":
      return noQuorum;
    case "transferring":
      return membershipRefused("leadership is being handed over already: retry after a moment");
    case "notAVoter":
      return membershipRefused(`"${name}" is a learner: promote it first`);
    case "unknownMember":
      return missing(name);
    case "alreadyLeader":
      return membershipRefused(`"${name}" leads already`);
  }
}
