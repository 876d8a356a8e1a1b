/** What can go wrong in any run, each with the mean time between two of its kind, in milliseconds. */
export const swarmFaultKinds = [
  "kill",
  "power",
  "pause",
  "partition",
  "isolateLeader",
  "newLeader",
  "oneWay",
  "oneConnection",
  "halfOpen",
  "slowLink",
  "congestion",
  "diskCrash",
  "diskError",
  "diskFull",
  "diskStall",
  "clockRate",
  "wallJump",
  "transfer",
  "membership",
  "move",
  "contestedRemoval",
  "wipe",
  "copy",
  "bitRot",
  "clientPause",
  "clientKill",
] as const;

/**
 * Everything that can go wrong; an upgrade only where nodes start with an older version, nodes that hang one at a time only
 * where nothing else goes wrong, a minority that is cut off for long only where little else does.
 */
export const faultKinds = [...swarmFaultKinds, "upgrade", "hang", "minority"] as const;

export type FaultKind = (typeof faultKinds)[number];
