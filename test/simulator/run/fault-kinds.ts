/** Everything that can go wrong in a run, each with the mean time between two of its kind, in milliseconds. */
export const faultKinds = [
  "kill",
  "power",
  "pause",
  "partition",
  "isolateLeader",
  "newLeader",
  "oneWay",
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
  "bitRot",
  "clientPause",
  "clientKill",
] as const;

export type FaultKind = (typeof faultKinds)[number];
