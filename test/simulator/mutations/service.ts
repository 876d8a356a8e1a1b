import type { Edit, Mutation } from "./mutation.js";

const raft = "server/src/raft/raft.ts";
const replication = "server/src/raft/replication.ts";

/** An append stands for a heartbeat: under load none is due. By itself that only saves messages. */
const appendsForHeartbeats: Edit = {
  file: raft,
  find: "      broadcastAppend(core);\n    }\n    sendReadRound(core);",
  replace:
    "      broadcastAppend(core);\n      Object.assign(core, { ticksSinceHeartbeat: 0 });\n    }\n    sendReadRound(core);",
};

/** What is not served, or not told, while nothing is wrong with those who could. */
export const serviceMutations: readonly Mutation[] = [
  {
    name: "appends-reset-no-election-timer",
    wrong: "appends take the place of heartbeats, and followers wait for heartbeats all the same",
    trips: ["CALM"],
    court: "simulator",
    edits: [
      appendsForHeartbeats,
      {
        file: raft,
        find: "      core.ticksSinceElection = 0;\n    }\n    switch (message.kind) {",
        replace:
          '      if (message.kind !== "appendEntries") core.ticksSinceElection = 0;\n    }\n    switch (message.kind) {',
      },
    ],
  },
  {
    name: "append-answers-are-no-contact",
    wrong:
      "appends take the place of heartbeats, and a leader hears of its followers only by answers to heartbeats",
    trips: ["CALM"],
    court: "simulator",
    edits: [
      appendsForHeartbeats,
      {
        file: replication,
        find: "  progress.heardAtTick = raft.ticks;\n  if (result.rejected) {",
        replace: "  if (result.rejected) {",
      },
    ],
  },
  {
    name: "reads-ride-on-heartbeats",
    wrong: "appends take the place of heartbeats, and reads wait for the next heartbeat",
    trips: ["CALM"],
    court: "simulator",
    edits: [
      appendsForHeartbeats,
      {
        file: replication,
        find: "  raft.reads.open(from, context, raft.log.committed);\n  raft.readRoundWaiting = true;",
        replace: "  raft.reads.open(from, context, raft.log.committed);",
      },
    ],
  },
  {
    name: "isolated-node-keeps-its-watches",
    wrong: "a node without a quorum keeps its watches, which are silent",
    trips: ["PROGRESS"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/node.ts",
        find: "if (isCutOff && this.watches.count > 0)",
        replace: "if (isCutOff && this.watches.count < 0)",
      },
    ],
  },
  {
    name: "isolated-leader-stays",
    wrong: "a leader that hears from no majority goes on leading",
    trips: ["PROGRESS"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/quorum.ts",
        find: "  return active >= raft.membership.quorum;",
        replace: "  return active >= 0;",
      },
    ],
  },
  {
    name: "unserved-watch-waits-for-ever",
    wrong: "a watch that no node serves does not end, however long it was to bear that",
    trips: ["PROGRESS"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/watch/watcher.ts",
        find: "const asked = this.#options.unservedTimeoutMs ?? bounds.watchUnservedMs;",
        replace: "const asked = Number.POSITIVE_INFINITY;",
      },
    ],
  },
  {
    name: "session-stays-without-a-quorum",
    wrong: "a session stays with a node that refuses everything for lack of a quorum",
    trips: ["PROGRESS"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/session/mover.ts",
        find: "    if (others.length > 0) void this.#move(others);\n",
        replace: "",
      },
    ],
  },
];
