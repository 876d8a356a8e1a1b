import { create } from "@bufbuild/protobuf";
import { type AdministerResponse, AdministerResponseSchema, ErrorCode } from "@quorate/proto";
import type { Member, Raft } from "../raft/index.js";
import { type AdministeredChange, isNotUnderstood, passOn } from "../transport/administration.js";
import { isRemoval } from "../transport/handshake.js";
import type { PeerLink } from "../transport/peer-link.js";
import {
  type Decision,
  decide,
  findMember,
  learnerBehind,
  type Missing,
  unknown,
  unsettled,
} from "./administrative-decision.js";
import { READDRESSING_FORMAT } from "./command-codec-format.js";
import { type Failure, membershipRefused, noQuorum, stopping } from "./failure.js";
import type { Fresh } from "./reads.js";
import type { Roster } from "./roster.js";

export type { AdministeredChange } from "../transport/administration.js";

/** Called once: with the id of the member that was named, or leads now. */
export type AdministeredDone = (
  outcome: { readonly kind: "done"; readonly memberId: number } | Failure,
) => void;

/** What administration takes of its node. */
export interface AdministrationParts {
  readonly self: number;
  readonly raft: Raft;
  readonly roster: Roster;
  readonly appliedIndex: () => number;
  /** Calls back when this node has applied everything acknowledged anywhere before now. */
  readonly read: (fresh: Fresh) => void;
  readonly link: (peer: number) => PeerLink | undefined;
  /** Raft was given something to do. */
  readonly schedule: () => void;
  /** Milliseconds after which nobody waits any longer for a change that was begun. */
  readonly patienceMs: number;
}

/** A decision, and when it was made. */
interface Decided extends Decision {
  /** The term in which the leader decided; 0 when it is of a version that does not say. */
  readonly term: number;
}

interface Wait {
  readonly change: AdministeredChange;
  readonly decision: Decided;
  readonly giveUpAtMs: number;
  readonly done: AdministeredDone;
}

/** A change that somebody was not answered yet, and that was not decided yet either. */
interface Asked {
  /** Whether it removes this very node. */
  readonly removesSelf: boolean;
  readonly done: AdministeredDone;
}

/**
 * Changes of the membership and of the leader, asked of this node: decided by the leader, here or at the other end of a
 * link, and answered once this node has applied what it led to.
 */
export class Administration {
  private readonly parts: AdministrationParts;
  private waits: Wait[] = [];
  /** Changes that are at the leader, or wait for a read of what is committed. */
  private readonly asked = new Set<Asked>();

  constructor(parts: AdministrationParts) {
    this.parts = parts;
  }

  /**
   * Makes a change, and calls `done` when this node has applied it, or why it was not made. The leader decides, and it
   * alone finds the member that is named. That there is no such member is known from what is committed alone: a leader's
   * newest configuration may never be.
   */
  change(change: AdministeredChange, answer: AdministeredDone): void {
    const { self, roster } = this.parts;
    const removesSelf =
      change.case === "remove" && findMember(roster.applied.configuration, change.value.member)?.id === self;
    const asked: Asked = { removesSelf, done: answer };
    this.asked.add(asked);
    // Called once, whatever comes first: a node that is removed answers before its leader does.
    const done: AdministeredDone = (outcome) => {
      if (this.asked.delete(asked)) answer(outcome);
    };
    this.decideAnywhere(change, (decision) => {
      switch (decision.kind) {
        case "failure":
          done(decision);
          return;
        case "missing":
          this.tellMissing(decision.named, done);
          return;
        case "decided":
          if (this.asked.delete(asked)) this.wait(change, decision, answer);
      }
    });
  }

  private tellMissing(named: string, done: AdministeredDone): void {
    const { roster, read } = this.parts;
    read((failure) => {
      const isCommitted = findMember(roster.applied.configuration, named) !== undefined;
      if (failure !== undefined) done(failure);
      else done(isCommitted ? unsettled(named) : unknown(named));
    });
  }

  private decideAnywhere(
    change: AdministeredChange,
    decided: (decision: Decided | Missing | Failure) => void,
  ): void {
    const { raft, self, link, patienceMs } = this.parts;
    const { leader } = raft;
    if (leader === self) this.decide(change, decided);
    else {
      const leaderLink = leader === 0 ? undefined : link(leader);
      // A call that cannot reach it at all certainly changes nothing.
      if (leaderLink === undefined || !leaderLink.isConnected) decided(noQuorum);
      else
        passOn(leaderLink, change, patienceMs).then(
          (response) => decided(fromWire(response, namedBy(change))),
          (error: unknown) => {
            // The leader would not hear a node that was removed, and only what is committed removes one.
            if (isRemoval(error, leaderLink.handshake)) this.removed();
            decided(isNotUnderstood(error) ? olderLeader : unanswered(error));
          },
        );
    }
  }

  /** A change that another node passes on. */
  passedOn(change: AdministeredChange, answer: (response: AdministerResponse) => void): void {
    this.decide(change, (decision) => answer(toWire(decision)));
  }

  private decide(change: AdministeredChange, decided: (decision: Decided | Missing | Failure) => void): void {
    const { raft, self, read } = this.parts;
    const { term } = raft;
    const decision = this.decideAsLeader(change);
    if (change.case !== "transfer" || decision.kind !== "decided" || decision.memberId !== self) {
      decided(decision);
      return;
    }
    // That the leader is to lead needs no change, and no deposed leader may say that it is so: a read index that it gave
    // in this very term, to a request of after the call, confirms it.
    read((failure) => {
      if (failure !== undefined) decided(failure);
      else decided(raft.isLeader && raft.term === term ? decision : noQuorum);
    });
  }

  private decideAsLeader(change: AdministeredChange): Decided | Missing | Failure {
    const { raft, self, schedule } = this.parts;
    const tooOld = raft.isLeader ? this.tooOld(change) : undefined;
    if (tooOld !== undefined) return tooOld;
    const decision = decide(raft, self, change);
    schedule();
    return decision.kind === "decided" ? { ...decision, term: raft.term } : decision;
  }

  /** Why the versions that members run forbid a change; undefined when they do not. */
  private tooOld(change: AdministeredChange): Failure | undefined {
    switch (change.case) {
      case "update":
        return this.unreadable(change.value.member);
      case "promote":
        return this.outdated(change.value.member);
      default:
        return undefined;
    }
  }

  /**
   * A member of an older version would stop at a configuration with a changed address. The one that is to be moved cannot
   * tell which it runs if the leader hears nothing of it: that may be why it is to be moved.
   */
  private unreadable(named: string): Failure | undefined {
    const { raft, roster } = this.parts;
    const moved = findMember(raft.configuration, named)?.id;
    const isSilent = moved !== undefined && raft.isSilent(moved);
    const older = roster.lacking(READDRESSING_FORMAT, isSilent ? moved : undefined);
    if (older === undefined) return undefined;
    return membershipRefused(
      roster.formatOf(older.id) === 0
        ? `member "${older.name}" has not told which version it runs yet: retry after a moment; if it is down, start or remove it`
        : `member "${older.name}" runs a version that does not know changes of an address: upgrade it first`,
    );
  }

  /** A learner of an older version gets no vote yet: it may stop at what the log holds, and a voter that stops is missed. */
  private outdated(named: string): Failure | undefined {
    const { raft, roster } = this.parts;
    const member = findMember(raft.configuration, named);
    if (member?.role !== "learner" || !roster.isOlderThanVoters(member.id)) return undefined;
    const { name } = member;
    return roster.formatOf(member.id) === 0
      ? learnerBehind(name)
      : membershipRefused(`learner "${name}" runs an older version than every voter: upgrade it first`);
  }

  private wait(change: AdministeredChange, decision: Decided, done: AdministeredDone): void {
    const giveUpAtMs = performance.now() + this.parts.patienceMs;
    this.waits.push({ change, decision, giveUpAtMs, done });
    this.settle();
  }

  /** An entry was applied, or there is another leader. */
  settle(): void {
    if (this.waits.length === 0) return;
    const { waits } = this;
    this.waits = [];
    for (const wait of waits) {
      const outcome = this.outcomeOf(wait);
      if (outcome === undefined) this.waits.push(wait);
      else wait.done(outcome);
    }
  }

  private outcomeOf({ change, decision }: Wait): Parameters<AdministeredDone>[0] | undefined {
    const { roster, raft, appliedIndex } = this.parts;
    const { memberId, index, term } = decision;
    const done = { kind: "done", memberId } as const;
    // Who lags behind the leader that decided may take an earlier leadership of that member for what was asked for.
    if (change.case === "transfer") return raft.leader === memberId && raft.term >= term ? done : undefined;
    if (appliedIndex() < index) return undefined;
    // Another leader may have put other entries in place of it, or another change may have undone it.
    return holds(change, roster.find(memberId)) ? done : outcomeUnknown;
  }

  /** The cluster removed this node, which it may learn before the entry: who asked it for that is told. */
  removed(): void {
    const { self } = this.parts;
    const mine = ({ change, decision }: Wait): boolean =>
      change.case === "remove" && decision.memberId === self;
    const waits = this.waits.filter(mine);
    this.waits = this.waits.filter((wait) => !mine(wait));
    const asked = [...this.asked].filter(({ removesSelf }) => removesSelf);
    for (const each of asked) this.asked.delete(each);
    for (const { done } of [...waits, ...asked]) done({ kind: "done", memberId: self });
  }

  tick(nowMs: number): void {
    if (this.waits.length === 0) return;
    const { waits } = this;
    this.waits = [];
    for (const wait of waits) {
      const failure = this.failureOf(wait, nowMs);
      if (failure === undefined) this.waits.push(wait);
      else wait.done(failure);
    }
  }

  /**
   * Why a change is not waited for any longer. A transfer did not happen only if the leader that began it, which is this
   * node if it leads in that term, never told the other node to stand: one that was told may do so when nobody waits any
   * more (thesis, section 3.10).
   */
  private failureOf({ change, decision, giveUpAtMs }: Wait, nowMs: number): Failure | undefined {
    const { raft } = this.parts;
    const { memberId, term } = decision;
    if (change.case === "transfer" && raft.term === term && raft.cannotTakeOver(memberId)) return neverTold;
    if (giveUpAtMs > nowMs) return undefined;
    return change.case === "transfer" ? leaderUnknown : outcomeUnknown;
  }

  stop(): void {
    // Those at the leader too: what it decides later, nobody here would apply and tell.
    const unanswered = [...this.waits.splice(0), ...this.asked];
    this.asked.clear();
    for (const { done } of unanswered) done({ ...stopping, code: "OUTCOME_UNKNOWN" });
  }
}

/** Whether the member is as the change was to make it. */
function holds(
  change: Exclude<AdministeredChange, { case: "transfer" }>,
  member: Member | undefined,
): boolean {
  switch (change.case) {
    case "add":
      return member !== undefined;
    case "promote":
      return member?.role === "voter";
    case "update":
      return member?.readdressed === true && member.address === change.value.peerAddress;
    case "remove":
      return member === undefined;
  }
}

const outcomeUnknown: Failure = {
  kind: "failure",
  code: "OUTCOME_UNKNOWN",
  message: "the leader changed before the outcome was known: look at the members before trying again",
};

const neverTold = membershipRefused(
  "the other node has not caught up with the log in time, so it was not told to take over: retry when it has",
);

const leaderUnknown: Failure = {
  kind: "failure",
  code: "OUTCOME_UNKNOWN",
  message: "the other node may have taken over, or still do so: `quorate member list` shows who leads",
};

const olderLeader = membershipRefused(
  "the leader runs a version that does not know this change: upgrade it first",
);

/** The call to the leader broke: nobody knows whether it decided. */
function unanswered(error: unknown): Failure {
  const problem = error instanceof Error ? error.message : String(error);
  return { ...outcomeUnknown, message: `the leader gave no answer (${problem}): look at the members first` };
}

function toWire(decision: Decided | Missing | Failure): AdministerResponse {
  if (decision.kind === "missing") {
    const { code, message } = unsettled(decision.named);
    return create(AdministerResponseSchema, { error: { code: ErrorCode[code], message }, missing: true });
  }
  if (decision.kind === "decided") {
    const { memberId, index, term } = decision;
    const value = { memberId: BigInt(memberId), index: BigInt(index), term: BigInt(term) };
    return create(AdministerResponseSchema, value);
  }
  const { code, message } = decision;
  return create(AdministerResponseSchema, { error: { code: ErrorCode[code], message } });
}

function fromWire(
  { memberId, index, term, error, missing }: AdministerResponse,
  named: string,
): Decided | Missing | Failure {
  if (missing) return { kind: "missing", named };
  if (error === undefined) {
    return { kind: "decided", memberId: Number(memberId), index: Number(index), term: Number(term) };
  }
  const { message } = error;
  switch (error.code) {
    case ErrorCode.MEMBERSHIP_REFUSED:
      return membershipRefused(message);
    case ErrorCode.OVERLOADED:
      return { kind: "failure", code: "OVERLOADED", message };
    case ErrorCode.UNAVAILABLE:
      return { kind: "failure", code: "UNAVAILABLE", message };
    default:
      return { kind: "failure", code: "NO_QUORUM", message };
  }
}

/** The member that a change names. */
function namedBy(change: AdministeredChange): string {
  return change.case === "add" ? change.value.name : change.value.member;
}
