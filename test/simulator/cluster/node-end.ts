import { UnknownFormat } from "../../../server/src/node/command-codec-format.js";
import { InvariantViolation } from "../../../server/src/raft/index.js";
import { DiskFailure, SimulatedCrash } from "../disk/disk-faults.js";
import type { SimulatedNode } from "./simulated-node.js";

/** Whether the node stopped at what only a newer version reads. */
export function isTooNew(error: unknown): boolean {
  return error instanceof UnknownFormat;
}

/** Whether the node was told that it is no member any more. */
export function isRemoval({ leaving }: SimulatedNode, error: unknown): boolean {
  if (!leaving || !(error instanceof Error)) return false;
  const { name, message } = error;
  // One that had not joined yet is told that there is no such member.
  return (
    name === "MemberRemoved" ||
    /belongs to a member that was removed|there is no member|was removed from the cluster/.test(message)
  );
}

/** Whether the node was told that it runs on a copy of a directory, or that its member is gone. */
export function isDisowned(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "MemberRemoved" ||
    (error.name === "UnusableDataDirectory" &&
      /is not the newest directory of|belongs to a member that was removed/.test(error.message)) ||
    // In the place of a node that is just being started.
    /the port is in use/.test(error.message)
  );
}

/** Whether a fault of the disk or a planned crash explains the error. */
export function isFault(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof SimulatedCrash || each instanceof DiskFailure) return true;
    if (each instanceof InvariantViolation) return false;
  }
  return false;
}
