import type { HardState } from "../../../server/src/raft/index.js";
import type { NodeView } from "../observation.js";
import type { DurableDisk } from "./durable-disk.js";
import type { NodeTrack } from "./node-track.js";
import { violated } from "./violation.js";

// MONO: within one life of a node its term, commit index and applied index never fall, and its vote of a term never
// changes; on disk, term and vote obey the same across lives.

/** A node is about to be seen as `node` after it was seen as `track`, in the same life. */
export function checkStep(track: NodeTrack, node: NodeView): void {
  if (node.term < track.term) regressed(node.id, "term", track.term, node.term);
  if (node.commitIndex < track.commitIndex) {
    regressed(node.id, "commit index", track.commitIndex, node.commitIndex);
  }
  if (node.appliedIndex < track.appliedIndex) {
    regressed(node.id, "applied index", track.appliedIndex, node.appliedIndex);
  }
  if (node.term === track.term) checkVote(node.id, node.term, track.vote, node.vote);
}

/** A node starts from its disk. */
export function checkBoot(node: NodeView, disk: DurableDisk): void {
  if (node.term < disk.term) regressed(node.id, "term on disk", disk.term, node.term);
  if (node.term === disk.term) checkVote(node.id, node.term, disk.vote, node.vote);
  if (node.appliedIndex < disk.stateIndex) {
    regressed(node.id, "applied index on disk", disk.stateIndex, node.appliedIndex);
  }
}

/** A hard state goes to the disk. */
export function checkHardState(disk: DurableDisk, { term, vote }: HardState): void {
  if (term < disk.term) regressed(disk.nodeId, "term on disk", disk.term, term);
  if (term === disk.term) checkVote(disk.nodeId, term, disk.vote, vote);
}

/** The state on a disk is to have this applied index. */
export function checkStateIndex(disk: DurableDisk, appliedIndex: number): void {
  if (appliedIndex < disk.stateIndex) {
    regressed(disk.nodeId, "applied index on disk", disk.stateIndex, appliedIndex);
  }
}

/** A node applies the entry of this index. */
export function checkApplied(track: NodeTrack, index: number): void {
  if (index === track.machineIndex + 1) return;
  violated("MONO", `node ${track.id} applies entry ${index} after entry ${track.machineIndex}`, {
    node: track.id,
    index,
    appliedIndex: track.machineIndex,
  });
}

/** A snapshot is to take the place of a node's state. */
export function checkInstall(track: NodeTrack, index: number): void {
  if (index < track.machineIndex) {
    regressed(track.id, "applied index, by a snapshot,", track.machineIndex, index);
  }
}

/** At the end a healthy node has applied whatever it had applied in any life. */
export function checkReached(track: NodeTrack): void {
  if (track.machineIndex < track.machineIndexMax) {
    regressed(track.id, "applied index, at the end,", track.machineIndexMax, track.machineIndex);
  }
}

function checkVote(node: number, term: number, before: number, after: number): void {
  if (before === 0 || before === after) return;
  violated("MONO", `node ${node} voted for ${before} in term ${term}, and then for ${after}`, {
    node,
    term,
    votes: [before, after],
  });
}

function regressed(node: number, what: string, before: number, after: number): never {
  violated("MONO", `node ${node}: its ${what} went from ${before} to ${after}`, { node, before, after });
}
