import type { RaftCore } from "./core.js";
import { invariant } from "./invariant.js";
import type { AppendEntries, Heartbeat, InstallSnapshot } from "./message.js";

/** Raft paper, section 5.3, the receiver's side. The message is of the present term. */
export function handleAppendEntries(raft: RaftCore, from: number, append: AppendEntries): void {
  const { log } = raft;
  if (append.previousIndex < log.committed) {
    // Committed entries match by leader completeness; what the message adds beyond them comes again.
    accept(raft, from, log.committed);
    return;
  }
  if (log.term(append.previousIndex) !== append.previousTerm) {
    const hint = log.lastIndexAtMostTerm(Math.min(append.previousIndex, log.lastIndex), append.previousTerm);
    raft.send(from, {
      kind: "appendEntriesResult",
      term: raft.term,
      rejected: true,
      index: append.previousIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    });
    return;
  }
  const lastCovered = log.merge(append.previousIndex, append.entries);
  // Only as far as this message vouches for: the log may go on with entries of a deposed leader.
  log.commitTo(Math.min(append.commitIndex, lastCovered));
  accept(raft, from, lastCovered);
}

function accept(raft: RaftCore, to: number, index: number): void {
  raft.send(to, {
    kind: "appendEntriesResult",
    term: raft.term,
    rejected: false,
    index,
    hintIndex: 0,
    hintTerm: 0,
  });
}

export function handleHeartbeat(raft: RaftCore, from: number, heartbeat: Heartbeat): void {
  raft.log.commitTo(Math.min(heartbeat.commitIndex, raft.log.lastIndex));
  raft.hearing.echoed(heartbeat.heardTick, raft.ticks);
  raft.answerHeartbeat(from, heartbeat.readRound);
}

/**
 * A snapshot was received whole. It replaces the log unless the log already holds its last entry: then the entries
 * after it are kept, and the snapshot only tells that everything up to it is committed.
 */
export function handleInstallSnapshot(raft: RaftCore, from: number, snapshot: InstallSnapshot): void {
  takeSnapshot(raft, snapshot);
  accept(raft, from, raft.log.committed);
}

/**
 * What a snapshot holds is committed, whoever sent it and in whatever term: its content stays true when its leader is
 * not the leader any more. Nothing that this node promised is lost by taking it: what it acknowledged to the present
 * leader matches that leader's log, which holds every committed entry, so the log would match the snapshot as well.
 */
export function takeSnapshot(raft: RaftCore, snapshot: InstallSnapshot): void {
  const { log } = raft;
  const position = { index: snapshot.lastIndex, term: snapshot.lastTerm };
  invariant(position.term <= raft.term, "a snapshot is of a term that nobody has entered yet");
  // A leader's log holds all that is committed; it needs nothing, and counts its commits itself.
  if (raft.role === "leader" || position.index <= log.committed) return;
  if (log.term(position.index) === position.term) {
    log.commitTo(position.index);
    return;
  }
  // Votes asked for were asked for another log.
  if (raft.role !== "follower") raft.becomeFollower(raft.term, 0);
  log.restore(position, snapshot.configuration);
  raft.snapshotToInstall = position;
}
