import type { Mutation } from "./mutation.js";

const core = "server/src/raft/core.ts";
const election = "server/src/raft/election.ts";
const log = "server/src/raft/log.ts";
const node = "server/src/node/node.ts";
const raft = "server/src/raft/raft.ts";

/** Wrong votes and terms. */
export const electionMutations: readonly Mutation[] = [
  {
    name: "vote-sent-before-durable",
    wrong: "an answer to a request for a vote leaves before term and vote are on disk",
    trips: ["ES", "MONO"],
    court: "simulator",
    edits: [
      {
        file: core,
        find: `      case "timeoutNow":
        this.messages.push({ to, message });`,
        replace: `      case "timeoutNow":
      case "requestVoteResult":
        this.messages.push({ to, message });`,
      },
    ],
  },
  {
    name: "vote-never-durable",
    wrong: "term and vote are not written to disk at all",
    trips: ["ES", "MONO"],
    court: "simulator",
    edits: [
      {
        file: node,
        find: "this.log.write(hardState, entries);",
        replace: "this.log.write(undefined, entries);",
      },
    ],
  },
  {
    name: "vote-of-older-term-counted",
    wrong: "an answer to a request for a vote in an older term counts in the present one",
    trips: ["ES"],
    court: "simulator",
    edits: [
      {
        file: raft,
        find: `      case "requestVoteResult":
      case "timeoutNow":
        return;`,
        replace: `      case "requestVoteResult":
        return handleRequestVoteResult(core, from, message);
      case "timeoutNow":
        return;`,
      },
      { file: election, find: "  if (result.term !== askedTerm) return;\n", replace: "" },
    ],
  },
  {
    name: "vote-counted-twice",
    wrong: "the same answer, received twice, counts as two votes",
    trips: ["ES"],
    court: "simulator",
    edits: [
      {
        file: election,
        find: "  raft.votes.set(from, result.granted);",
        replace:
          "  if (raft.votes.get(from) && result.granted) raft.votes.set(-raft.votes.size, true);\n  raft.votes.set(from, result.granted);",
      },
      {
        file: election,
        find: "  if (granted >= quorum) {",
        replace:
          "  granted = [...raft.votes.values()].filter((vote) => vote).length;\n  if (granted >= quorum) {",
      },
    ],
  },
  {
    name: "up-to-date-check-missing",
    wrong: "a vote is given whatever the candidate's log holds",
    trips: ["LC", "SMS", "DUR"],
    court: "simulator",
    edits: [
      {
        file: log,
        find: "return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);",
        replace: "return lastTerm >= 0 && ownTerm >= 0;",
      },
    ],
  },
  {
    name: "up-to-date-by-index-only",
    wrong: "a candidate's log is compared by its length, not by the term of its last entry",
    trips: ["LC", "SMS", "DUR"],
    court: "simulator",
    edits: [
      {
        file: log,
        find: "return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);",
        replace: "return lastIndex >= this.lastIndex;",
      },
    ],
  },
  {
    name: "leader-votes-in-own-term",
    wrong: "whoever has voted for itself also votes for another in the same term",
    trips: ["ES", "MONO"],
    court: "simulator",
    edits: [
      {
        file: election,
        find: "const free = raft.vote === from || (raft.vote === 0 && raft.leader === 0);",
        replace:
          "const free = raft.vote === from || raft.vote === raft.config.id || (raft.vote === 0 && raft.leader === 0);",
      },
      {
        file: core,
        find: "      this.vote === 0 || this.vote === candidate,\n",
        replace: "      true,\n",
      },
    ],
  },
  {
    name: "no-step-down-on-higher-term",
    wrong: "a reply of a higher term does not end a leadership",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: raft,
        find: "if (message.term > core.term && !isPreVoteTalk(message)) {",
        replace:
          'if (core.role === "leader" && message.term > core.term && message.kind.endsWith("Result")) return;\n    if (message.term > core.term && !isPreVoteTalk(message)) {',
      },
    ],
  },
];
