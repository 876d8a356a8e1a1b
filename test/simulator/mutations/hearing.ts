import type { Mutation } from "./mutation.js";

const hearing = "server/src/raft/hearing.ts";
const leaseClock = "server/src/node/lease-clock.ts";

/** Nodes that their leader does not hear, and leaders that do not listen to what they have heard. */
export const hearingMutations: readonly Mutation[] = [
  {
    name: "unheard-follower-believes-itself-led",
    wrong: "a follower goes by the leader that it hears, whether or not that leader hears it",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: hearing,
        find: "    return this.echoes && nowTick - this.heardTick > this.patienceTicks;\n",
        replace: "    return this.echoes && nowTick - this.heardTick > this.patienceTicks * 1_000_000;\n",
      },
      { file: hearing, find: "    return this.confirmed && ", replace: "    return " },
    ],
  },
  {
    name: "watches-of-unheard-node-stay",
    wrong: "a node that its leader does not hear refuses what it is asked, and keeps the watches that it has",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/leadership.ts",
        find: "    if (this.raft.isHeard) this.ledAtMs",
        replace: "    if (this.raft.leader !== 0) this.ledAtMs",
      },
    ],
  },
  {
    name: "heard-by-an-echo-of-before",
    wrong: "whatever the leader gives back shows that it hears the follower now",
    trips: ["WATCH"],
    court: "unit tests",
    // The watches end all the same, one election timeout after another, unless heartbeats of before never cease to come.
    tests: ["server/src/raft/hearing.test.ts"],
    edits: [
      {
        file: hearing,
        find: "    this.heardTick = tick;\n",
        replace: "    this.heardTick = nowTick;\n",
      },
    ],
  },
  {
    name: "renewal-under-way-not-awaited",
    wrong: "a leader ends a lease whose keepalive it has read and not confirmed yet",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "const isHeld = timer.renewals > 0 && nowMs < heldUntilMs;",
        replace: "const isHeld = timer.renewals > 0 && nowMs > 2 * heldUntilMs;",
      },
    ],
  },
  {
    name: "renewal-under-way-holds-for-ever",
    wrong: "a lease never ends that somebody once tried to renew",
    trips: ["LEASE", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "const isHeld = timer.renewals > 0 && nowMs < heldUntilMs;",
        replace: "const isHeld = timer.renewals > 0 && nowMs < 1_000 * heldUntilMs;",
      },
      {
        file: leaseClock,
        find: "      if (timer !== undefined && timer.renewals > 0) timer.renewals -= 1;\n",
        replace: "      if (timer !== undefined && timer.renewals > 1) timer.renewals -= 1;\n",
      },
    ],
  },
];
