import { Reads } from "../../../server/src/node/reads.js";
import { RaftCore } from "../../../server/src/raft/core.js";
import { Raft } from "../../../server/src/raft/raft.js";
import type { Process } from "../world/process.js";
import { currentProcess } from "../world/world.js";

/** Who is told what becomes of linearizable reads, by the process in which it happens. */
export interface ReadsTold {
  /** A node asks Raft for an index. */
  began(process: Process, context: number): void;
  /** A leader confirms that `nodeId` may serve the reads of a context as of an index. */
  confirmed(process: Process, nodeId: number, context: number, index: number): void;
  /** Somebody asks a node for a read. Returns what is to be told when it is served. */
  collected(process: Process): () => void;
}

const plainReadIndex = Raft.prototype.readIndex;
const plainGrant = RaftCore.prototype.grantRead;
const plainCollect = Reads.prototype.collect;

/** Tells of every linearizable read of every server. */
export function observeReads(told: ReadsTold): void {
  Raft.prototype.readIndex = function (this: Raft, context): void {
    told.began(currentProcess(), context);
    plainReadIndex.call(this, context);
  };
  RaftCore.prototype.grantRead = function (this: RaftCore, from, context, index): void {
    told.confirmed(currentProcess(), from, context, index);
    plainGrant.call(this, from, context, index);
  };
  Reads.prototype.collect = function (this: Reads, fresh): void {
    const served = told.collected(currentProcess());
    plainCollect.call(this, (failure) => {
      if (failure === undefined) served();
      fresh(failure);
    });
  };
}
