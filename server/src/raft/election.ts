import type { RaftCore } from "./core.js";
import type { RequestVote, RequestVoteResult } from "./message.js";
import { broadcastAppend, maybeCommit } from "./replication.js";

/** The election timer ran out: asks first whether an election could be won (thesis, section 9.6). */
export function campaign(raft: RaftCore): void {
  if (!raft.isPromotable) {
    // A learner, a removed or a joining node waits; but it knows no leader any more.
    raft.becomeFollower(raft.term, 0);
    return;
  }
  raft.becomePreCandidate();
  requestVotes(raft, "preVote");
}

/** The leader hands over (thesis, section 3.10): no need to ask whether the election could be won. */
export function handleTimeoutNow(raft: RaftCore): void {
  if (!raft.isPromotable) return;
  raft.becomeCandidate();
  requestVotes(raft, "transfer");
}

function requestVotes(raft: RaftCore, reason: "preVote" | "vote" | "transfer"): void {
  const { log, membership } = raft;
  raft.votes.set(raft.config.id, true);
  for (const to of membership.voters) {
    if (to === raft.config.id) continue;
    raft.send(to, {
      kind: "requestVote",
      term: reason === "preVote" ? raft.term + 1 : raft.term,
      preVote: reason === "preVote",
      transfer: reason === "transfer",
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
    });
  }
  countVotes(raft);
}

function countVotes(raft: RaftCore): void {
  const { voters, quorum } = raft.membership;
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = raft.votes.get(voter);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  if (granted >= quorum) {
    if (raft.role === "preCandidate") {
      raft.becomeCandidate();
      requestVotes(raft, "vote");
    } else {
      raft.becomeLeader();
      broadcastAppend(raft);
      maybeCommit(raft);
    }
  } else if (voters.length - refused < quorum) {
    // Too many have a better log or a leader: wait for it in the present term.
    raft.becomeFollower(raft.term, 0);
  }
}

/** Whether this node heard from a leader, or is one, within the minimum election timeout (thesis, section 4.2.3). */
function hasLiveLeader(raft: RaftCore): boolean {
  return raft.leader !== 0 && (raft.role === "leader" || raft.ticksSinceElection < raft.config.electionTicks);
}

/** Raft paper, sections 5.2 and 5.4.1. A real request of a newer term has already moved this node to that term. */
export function handleRequestVote(raft: RaftCore, from: number, request: RequestVote): void {
  const upToDate = raft.log.isUpToDate(request.lastIndex, request.lastTerm);
  let granted: boolean;
  if (request.preVote) {
    granted = request.term > raft.term && upToDate && !hasLiveLeader(raft);
  } else {
    const free = raft.vote === from || (raft.vote === 0 && raft.leader === 0);
    granted = request.term === raft.term && free && upToDate;
    if (granted) {
      raft.castVote(from);
      raft.resetElectionTimer();
    }
  }
  raft.send(from, {
    kind: "requestVoteResult",
    // A granted pre-vote names the term it is good for; a refusal tells the candidate the voter's own.
    term: granted && request.preVote ? request.term : raft.term,
    preVote: request.preVote,
    granted,
  });
}

/**
 * Whether a request to vote is ignored altogether, so that a node back from a partition, or one that was removed,
 * deposes nobody (thesis, section 4.2.3).
 */
export function disturbs(raft: RaftCore, request: RequestVote): boolean {
  return !request.preVote && !request.transfer && request.term > raft.term && hasLiveLeader(raft);
}

export function handleRequestVoteResult(raft: RaftCore, from: number, result: RequestVoteResult): void {
  const expected = raft.role === "preCandidate" ? true : raft.role === "candidate" ? false : undefined;
  if (result.preVote !== expected) return;
  // An answer of another term is to another question: a granted pre-vote names the term asked for.
  const askedTerm = result.preVote && result.granted ? raft.term + 1 : raft.term;
  if (result.term !== askedTerm) return;
  raft.votes.set(from, result.granted);
  countVotes(raft);
}
