import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";

/** How transferLeadership() began. */
export type TransferResult =
  | { readonly accepted: true }
  | {
      readonly accepted: false;
      readonly reason: "notLeader" | "unknownMember" | "notAVoter" | "alreadyLeader" | "transferring";
    };

/** A leadership on its way to another voter. */
export interface Transfer {
  readonly to: number;
  /** Ticks since it began. */
  ticks: number;
}

/**
 * Thesis, section 3.10: the leader takes no more proposals, brings the target up to date and tells it to stand for
 * election at once. Its leadership ends when the target's request of a newer term comes in.
 */
export function transferLeadership(raft: RaftCore, to: number): TransferResult {
  if (raft.role !== "leader") return { accepted: false, reason: "notLeader" };
  if (to === raft.config.id) return { accepted: false, reason: "alreadyLeader" };
  const role = raft.membership.roleOf(to);
  const progress = raft.progress.get(to);
  if (role === undefined || progress === undefined) return { accepted: false, reason: "unknownMember" };
  if (role !== "voter") return { accepted: false, reason: "notAVoter" };
  if (raft.transfer !== undefined) return { accepted: false, reason: "transferring" };
  raft.transfer = { to, ticks: 0 };
  furtherTransfer(raft, to, progress);
  return { accepted: true };
}

/** The target was heard from: if it holds the whole log, it is told to stand; again each time, as that may get lost. */
export function furtherTransfer(raft: RaftCore, from: number, progress: Progress): void {
  if (raft.transfer?.to !== from || progress.matchIndex < raft.log.lastIndex) return;
  raft.toldToStand.add(from);
  raft.send(from, { kind: "timeoutNow", term: raft.term });
}

/**
 * Whether it is certain that no transfer makes this voter the leader in place of this node: it was never told to stand in
 * this term, and is not about to be. Without that, only a newer term tells what became of a transfer.
 */
export function cannotTakeOver(raft: RaftCore, to: number): boolean {
  return raft.role === "leader" && raft.transfer?.to !== to && !raft.toldToStand.has(to);
}

/** A transfer that takes longer than an election timeout is given up: the target may be down. */
export function tickTransfer(raft: RaftCore): void {
  const { transfer } = raft;
  if (transfer === undefined) return;
  transfer.ticks++;
  if (transfer.ticks >= raft.config.electionTicks) raft.transfer = undefined;
}
