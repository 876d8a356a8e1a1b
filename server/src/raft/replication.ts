import type { RaftCore } from "./core.js";
import { invariant } from "./invariant.js";
import { idText } from "./member-id.js";
import { releaseIfTold, stepDownIfRemoved } from "./membership-change.js";
import type { AppendEntriesResult, HeartbeatResult } from "./message.js";
import type { Progress } from "./progress.js";
import { majorityReached } from "./quorum.js";
import { furtherTransfer } from "./transfer.js";

/** Sends every follower what it may be sent now. */
export function broadcastAppend(raft: RaftCore): void {
  for (const [to, progress] of raft.progress) sendEntries(raft, to, progress);
}

/** Sends new entries until the follower's window is full; in `probe`, one message, empty if there is nothing new. */
export function sendEntries(raft: RaftCore, to: number, progress: Progress): void {
  while (!progress.paused) {
    if (progress.state === "replicate" && progress.nextIndex > raft.log.lastIndex) return;
    if (!sendAppend(raft, to, progress)) return;
  }
}

function sendAppend(raft: RaftCore, to: number, progress: Progress): boolean {
  const { log } = raft;
  const previousIndex = progress.nextIndex - 1;
  const previousTerm = log.term(previousIndex);
  if (previousTerm === undefined) {
    // The log was cut past what the follower needs. Only one that answers, and stays, is worth a snapshot.
    if (!raft.isActive(progress) || progress.standing === "leaving") return false;
    progress.becomeSnapshot();
    raft.snapshotsTo.push(to);
    return false;
  }
  const entries = log.entries(progress.nextIndex, log.lastIndex, raft.config.appendBytesMax);
  raft.send(to, {
    kind: "appendEntries",
    term: raft.term,
    previousIndex,
    previousTerm,
    commitIndex: log.committed,
    entries,
  });
  let bytes: number | undefined;
  for (const { data } of entries) bytes = (bytes ?? 0) + data.length;
  progress.sent(previousIndex + entries.length, bytes);
  return true;
}

export function handleAppendEntriesResult(raft: RaftCore, from: number, result: AppendEntriesResult): void {
  const progress = raft.progress.get(from);
  if (progress === undefined) return;
  progress.heardAtTick = raft.ticks;
  if (result.rejected) {
    const agreement = raft.log.lastIndexAtMostTerm(result.hintIndex, result.hintTerm);
    if (progress.rejected(result.index, agreement.index + 1)) sendEntries(raft, from, progress);
    return;
  }
  invariant(
    result.index <= raft.log.lastIndex,
    () => `node ${idText(from)} holds entry ${result.index}, past this leader's last, ${raft.log.lastIndex}`,
  );
  const advanced = progress.accepted(result.index);
  if (progress.state === "probe") progress.becomeReplicate();
  else if (progress.state === "snapshot" && logReaches(raft, progress)) progress.becomeProbe();
  const committed = advanced && maybeCommit(raft);
  if (!committed) sendEntries(raft, from, progress);
  if (progress.standing === "leaving") tellRemoval(raft, from, progress);
  furtherTransfer(raft, from, progress);
}

/** A removed member acknowledged its removal after it was committed: the commit index is all it still needs. */
function tellRemoval(raft: RaftCore, from: number, progress: Progress): void {
  if (!raft.progress.has(from) || raft.log.committed < progress.removalIndex) return;
  sendCommit(raft, from, progress);
  releaseIfTold(raft, from, progress);
}

/** Whether the follower can be fed from the log again. */
function logReaches(raft: RaftCore, progress: Progress): boolean {
  return progress.matchIndex >= raft.log.start.index;
}

/**
 * Commits what a majority holds durably, this node's own copy counting only once persisted, and only by an entry of
 * the present term (Raft paper, section 5.4.2 and Figure 8). Tells the followers with the next entries or, when there
 * are none, at once, so that a client of a follower does not wait for a heartbeat.
 */
export function maybeCommit(raft: RaftCore): boolean {
  if (raft.role !== "leader") return false;
  const index = majorityReached(raft, raft.log.persisted, matchIndexOf);
  const before = raft.log.committed;
  if (index <= before || raft.log.term(index) !== raft.term) return false;
  raft.log.commitTo(index);
  raft.uncommittedBytes -= raft.log.bytes(before + 1, index);
  invariant(
    raft.uncommittedBytes >= 0 && (raft.uncommittedBytes === 0 || index < raft.log.lastIndex),
    () => `${raft.uncommittedBytes} bytes count as uncommitted after entry ${index} of ${raft.log.lastIndex}`,
  );
  for (const read of raft.reads.takeDeferred()) openRead(raft, read.from, read.context);
  for (const [to, progress] of raft.progress) {
    const last = progress.nextIndex;
    sendEntries(raft, to, progress);
    if (progress.nextIndex === last && progress.state === "replicate") sendCommit(raft, to, progress);
    releaseIfTold(raft, to, progress);
  }
  stepDownIfRemoved(raft);
  return true;
}

const matchIndexOf = (progress: Progress): number => progress.matchIndex;
const readRoundOf = (progress: Progress): number => progress.readRound;

/** An AppendEntries without entries: only the commit index is news. */
function sendCommit(raft: RaftCore, to: number, progress: Progress): void {
  const previousIndex = progress.nextIndex - 1;
  const previousTerm = raft.log.term(previousIndex);
  if (previousTerm === undefined) return;
  raft.send(to, {
    kind: "appendEntries",
    term: raft.term,
    previousIndex,
    previousTerm,
    commitIndex: raft.log.committed,
    entries: [],
  });
}

export function broadcastHeartbeat(raft: RaftCore): void {
  for (const [to, progress] of raft.progress) {
    raft.send(to, {
      kind: "heartbeat",
      term: raft.term,
      // Never past what the follower is known to hold: its log beyond that may not match.
      commitIndex: Math.min(progress.matchIndex, raft.log.committed),
      readRound: raft.reads.newestRound,
      heardTick: progress.heardTick,
    });
  }
}

export function handleHeartbeatResult(raft: RaftCore, from: number, result: HeartbeatResult): void {
  const progress = raft.progress.get(from);
  if (progress === undefined) return;
  progress.heardAtTick = raft.ticks;
  progress.heardTick = result.tick;
  progress.resume();
  if (progress.matchIndex < raft.log.lastIndex && !progress.paused) {
    // Sent even when empty: if a message was lost, the refusal says where to go on.
    sendAppend(raft, from, progress);
    sendEntries(raft, from, progress);
  }
  if (result.readRound > progress.readRound) {
    progress.readRound = result.readRound;
    confirmReads(raft);
  }
  furtherTransfer(raft, from, progress);
}

/** A read at the leader, for itself or for a follower. */
export function requestRead(raft: RaftCore, from: number, context: number): void {
  if (raft.reads.isFull) {
    raft.refuseRead(from, context);
    return;
  }
  // Before the term's first commit the leader does not know the newest commit index (thesis, section 6.4, step 1).
  if (raft.log.committed < raft.termStartIndex) {
    raft.reads.defer(from, context);
    return;
  }
  openRead(raft, from, context);
}

function openRead(raft: RaftCore, from: number, context: number): void {
  raft.reads.open(from, context, raft.log.committed);
  raft.readRoundWaiting = true;
}

/** Sends the heartbeats of the rounds opened since the last call: one message a follower for all of them. */
export function sendReadRound(raft: RaftCore): void {
  if (!raft.readRoundWaiting) return;
  raft.readRoundWaiting = false;
  broadcastHeartbeat(raft);
  confirmReads(raft);
}

function confirmReads(raft: RaftCore): void {
  if (raft.reads.isEmpty) return;
  const confirmed = majorityReached(raft, raft.reads.newestRound, readRoundOf);
  for (const read of raft.reads.confirm(confirmed)) {
    raft.grantRead(read.from, read.context, read.index);
  }
}
