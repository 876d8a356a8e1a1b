import type { NodePromise } from "../observation.js";
import type { DurableDisk } from "./durable-disk.js";
import { violated } from "./violation.js";

/**
 * ES and DUR, at their root: a vote and an acknowledgement leave a node only when its disk holds what they promise. What
 * is sent earlier is a wrong promise whether or not the crash comes that would show it. Whoever asks for votes or leads
 * has voted for itself; a leader's entries may leave before they are on its own disk. A disk that was destroyed may have
 * held promises that nobody knows of any more, so its node keeps silent for ever.
 */
export function checkPromise(disk: DurableDisk, promise: NodePromise): void {
  if (disk.destroyed) {
    violated("DUR", `node ${disk.nodeId}, whose disk was destroyed, goes on under its old id`, {
      ...promise,
    });
  }
  switch (promise.kind) {
    case "vote":
      return checkVote(disk, promise.term, promise.candidate);
    case "ownVote":
      return checkVote(disk, promise.term, disk.nodeId);
    case "append": {
      const { term, index, entryTerm } = promise;
      // Taken into the log in `term`, and replaced by a newer leader's before it was written: leader completeness says
      // that no majority had it, or that leader would hold it, so the old leader cannot commit by this answer.
      if (disk.term > term) return;
      const durable =
        entryTerm === undefined
          ? index <= Math.max(disk.start.index, disk.lastIndex)
          : disk.holds(index, entryTerm);
      if (durable) return;
      violated("DUR", `node ${disk.nodeId} acknowledges entry ${index} before it is on its disk`, {
        ...promise,
        durableIndex: disk.lastIndex,
        durableTerm: disk.termAt(index),
      });
    }
  }
}

function checkVote(disk: DurableDisk, term: number, candidate: number): void {
  if (disk.term > term || (disk.term === term && disk.vote === candidate)) return;
  violated("ES", `node ${disk.nodeId} votes for ${candidate} in term ${term} before that is on its disk`, {
    term,
    candidate,
    durable: { term: disk.term, vote: disk.vote },
  });
}
