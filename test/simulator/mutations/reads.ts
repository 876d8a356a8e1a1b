import type { Mutation } from "./mutation.js";

const reads = "server/src/node/reads.ts";

/** Reads that are confirmed by what was said before they began, or at less than was committed then. */
export const readMutations: readonly Mutation[] = [
  {
    name: "read-joins-round-under-way",
    wrong: "a read joins a round of heartbeats already under way",
    trips: ["READ"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/read-rounds.ts",
        find: "    this.newest++;\n",
        replace: "    if (this.isEmpty) this.newest++;\n",
      },
    ],
  },
  {
    name: "read-joins-question-under-way",
    wrong: "a read joins those of its node that wait for an index already",
    trips: ["READ"],
    court: "simulator",
    edits: [
      {
        file: reads,
        find: "    this.collected.push(fresh);\n",
        replace:
          "    const asked = [...this.attempts.values()].at(-1);\n    ((asked?.callers as Fresh[] | undefined) ?? this.collected).push(fresh);\n",
      },
    ],
  },
  {
    name: "read-index-of-what-is-applied",
    wrong: "a leader confirms reads at what it has applied, not at what is committed",
    trips: ["READ"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/replication.ts",
        find: "raft.reads.open(from, context, raft.log.committed);",
        replace: "raft.reads.open(from, context, raft.log.applied);",
      },
    ],
  },
];
