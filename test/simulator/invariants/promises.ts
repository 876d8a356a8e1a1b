import type { NodePromise } from "../observation.js";
import type { DurableDisk } from "./durable-disk.js";
import { violated } from "./violation.js";

/**
 * ES and DUR, at their root: a vote and an acknowledgement leave a node only when its disk holds what they promise. What
 * is sent earlier is a wrong promise whether or not the crash comes that would show it.
 */
export function checkPromise(disk: DurableDisk, promise: NodePromise): void {
  switch (promise.kind) {
    case "vote": {
      const { term, candidate } = promise;
      if (disk.term > term || (disk.term === term && disk.vote === candidate)) return;
      violated(
        "ES",
        `node ${disk.nodeId} votes for ${candidate} in term ${term} before that is on its disk`,
        {
          ...promise,
          durable: { term: disk.term, vote: disk.vote },
        },
      );
      break;
    }
    case "append": {
      const { term, index } = promise;
      // Taken into the log in `term`, and replaced by a newer leader's before it was written: leader completeness says
      // that no majority had it, or that leader would hold it, so the old leader cannot commit by this answer.
      if (disk.term > term) return;
      if (index <= Math.max(disk.start.index, disk.lastIndex)) return;
      violated("DUR", `node ${disk.nodeId} acknowledges entry ${index} before it is on its disk`, {
        ...promise,
        durableIndex: disk.lastIndex,
      });
    }
  }
}
