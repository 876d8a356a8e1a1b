import {
  applyChange,
  encodeConfiguration,
  type ImpossibleChange,
  type MembershipChange,
} from "./configuration.js";
import type { RaftCore } from "./core.js";
import { invariant } from "./invariant.js";
import type { Progress } from "./progress.js";

/** How changeMembership() ended; when refused, nothing was appended. */
export type MembershipChangeResult =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  | {
      readonly accepted: false;
      readonly reason:
        | "notLeader"
        | "overloaded"
        /** The entry of the change before this one is not committed yet. */
        | "pendingChange"
        /** Nothing is committed in this leader's term yet. */
        | "termNotCommitted"
        /** The learner misses too much of the log, or was not heard from. */
        | "learnerBehind"
        | "transferring"
        | ImpossibleChange;
    };

/**
 * Entries by which a learner may lie behind the commit index when it is promoted. As a voter it may be needed for the
 * next commit, so what it misses is a pause; entries in flight are no lag, and an entry is a batch.
 */
const PROMOTION_LAG_ENTRIES_MAX = 100;

/**
 * Changes the configuration by one server (thesis, section 4.1). Any majority of the old and any of the new
 * configuration overlap, which holds only while they differ by one voter: hence one uncommitted change at a time, and
 * none before an entry of the leader's own term is committed, since a change of an earlier leader may still be
 * uncommitted elsewhere (the erratum to section 4.1).
 */
export function changeMembership(raft: RaftCore, change: MembershipChange): MembershipChangeResult {
  const { log } = raft;
  if (raft.role !== "leader") return { accepted: false, reason: "notLeader" };
  if (raft.transfer !== undefined) return { accepted: false, reason: "transferring" };
  if (log.committed < raft.termStartIndex) return { accepted: false, reason: "termNotCommitted" };
  const { newest } = log.configurations;
  if (newest.index > log.committed) return { accepted: false, reason: "pendingChange" };
  const next = applyChange(newest.configuration, change);
  if ("reason" in next) return { accepted: false, reason: next.reason };
  if (change.kind === "promote" && !hasCaughtUp(raft, raft.progress.get(change.id))) {
    return { accepted: false, reason: "learnerBehind" };
  }
  const data = encodeConfiguration(next.configuration);
  if (raft.isOverloadedBy(data.length)) return { accepted: false, reason: "overloaded" };
  const { index, term } = raft.appendOwn("configuration", data);
  trackMembers(raft);
  return { accepted: true, index, term };
}

function hasCaughtUp(raft: RaftCore, progress: Progress | undefined): boolean {
  return (
    progress?.state === "replicate" &&
    raft.isActive(progress) &&
    progress.matchIndex + PROMOTION_LAG_ENTRIES_MAX >= raft.log.committed
  );
}

/** Follows each member of the newest configuration, and one that was removed until it could know. */
export function trackMembers(raft: RaftCore): void {
  const { membership, progress } = raft;
  for (const id of membership.others) {
    const followed = progress.get(id) ?? raft.newProgress();
    followed.standing = membership.roleOf(id) ?? "learner";
    progress.set(id, followed);
  }
  for (const [id, { standing }] of progress) {
    if (!membership.includes(id) && standing !== "leaving") progress.get(id)?.leave(raft.configurationIndex);
  }
}

/**
 * A removed member is fed until it holds its removal and was told that it is committed, so that it stops by itself
 * instead of standing for elections that it cannot win.
 */
export function releaseIfTold(raft: RaftCore, id: number, progress: Progress): void {
  if (progress.standing !== "leaving") return;
  if (progress.matchIndex >= progress.removalIndex && raft.log.committed >= progress.removalIndex) {
    raft.progress.delete(id);
  }
}

/** A removed member that could not be told within an election timeout of the commit is not waited for. */
export function releaseSilent(raft: RaftCore): void {
  for (const [id, progress] of raft.progress) {
    if (progress.standing !== "leaving" || raft.log.committed < progress.removalIndex) continue;
    if (progress.waited) raft.progress.delete(id);
    progress.waited = true;
  }
}

/**
 * A leader whose own removal is committed has done its last work (thesis, section 4.2.2). It hands over to the voter
 * that holds most of the log, so that nobody has to wait for an election timeout.
 */
export function stepDownIfRemoved(raft: RaftCore): void {
  if (raft.membership.isVoter || raft.log.committed < raft.configurationIndex) return;
  invariant(raft.role === "leader", "only a leader steps down");
  let heir: number | undefined;
  let highest = raft.configurationIndex - 1;
  for (const [id, progress] of raft.progress) {
    if (progress.standing === "voter" && progress.matchIndex > highest && raft.isActive(progress)) {
      heir = id;
      highest = progress.matchIndex;
    }
  }
  if (heir !== undefined) raft.send(heir, { kind: "timeoutNow", term: raft.term });
  raft.becomeFollower(raft.term, 0);
}
