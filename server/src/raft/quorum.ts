import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";

/**
 * The highest value that a majority of the voters has reached, `own` being this node's. Learners and members that are
 * leaving do not count, nor does a leader that removed itself (thesis, section 4.2.2).
 */
export function majorityReached(
  raft: RaftCore,
  own: number,
  reachedBy: (progress: Progress) => number,
): number {
  // One array for all calls: this runs for every acknowledgement.
  const { tally } = raft;
  let count = 0;
  if (raft.membership.isVoter) count = insert(tally, count, own);
  for (const progress of raft.progress.values()) {
    if (progress.standing === "voter") count = insert(tally, count, reachedBy(progress));
  }
  const { quorum } = raft.membership;
  return count < quorum ? 0 : (tally[quorum - 1] ?? 0);
}

/** Inserts into the first `count` values of a list sorted downwards; returns their new number. */
function insert(sorted: number[], count: number, value: number): number {
  let at = count;
  for (; at > 0; at--) {
    const before = sorted[at - 1] ?? 0;
    if (before >= value) break;
    sorted[at] = before;
  }
  sorted[at] = value;
  return count + 1;
}

/** Whether a majority of the voters was heard from within the last election timeout (thesis, section 6.2). */
export function hearsFromMajority(raft: RaftCore): boolean {
  let active = raft.membership.isVoter ? 1 : 0;
  for (const progress of raft.progress.values()) {
    if (progress.standing === "voter" && raft.isActive(progress)) active++;
  }
  return active >= raft.membership.quorum;
}
