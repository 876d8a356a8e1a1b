import type { Mutation } from "./mutation.js";

const following = "server/src/raft/following.ts";
const log = "server/src/raft/log.ts";
const replication = "server/src/raft/replication.ts";

/**
 * The check before Raft's own is taken out of the way: it would refuse most of what the rule is there to refuse. By
 * itself this breaks no promise: Raft's rules are what those rest upon.
 */
const withoutAdministrativeChecks = [
  {
    file: "server/src/node/administrative-decision.ts",
    find: "  if (up >= quorum) return undefined;",
    replace: "  if (up >= 0) return undefined;",
  },
] as const;

/** Wrong copies of the log, and wrong conclusions from them. */
export const replicationMutations: readonly Mutation[] = [
  {
    name: "figure-8",
    wrong: "an entry of an older term is committed by counting its copies",
    trips: ["LC", "SMS", "DUR"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "if (index <= before || raft.log.term(index) !== raft.term) return false;",
        replace: "if (index <= before) return false;",
      },
    ],
  },
  {
    name: "commit-scan-stops-at-old-term",
    wrong: "the search for what can be committed ends at the first entry of an older term",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "if (index <= before || raft.log.term(index) !== raft.term) return false;",
        replace: "if (index <= before || raft.log.term(before + 1) !== raft.term) return false;",
      },
    ],
  },
  {
    name: "leader-counts-itself-before-fsync",
    wrong: "the leader counts its own copy of an entry before it is on disk",
    trips: ["DUR", "LC"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "majorityReached(raft, raft.log.persisted, matchIndexOf)",
        replace: "majorityReached(raft, raft.log.lastIndex, matchIndexOf)",
      },
    ],
  },
  {
    name: "short-append-truncates",
    wrong: "a stale or short AppendEntries cuts off what the log holds beyond it",
    trips: ["DUR", "LC"],
    court: "simulator",
    edits: [
      {
        file: log,
        find: "    return previousIndex + entries.length;\n  }\n\n  private truncateFrom",
        replace: `    const end = previousIndex + entries.length;
    if (end < this.lastIndex && end >= this.committed && entries.length > 0) this.truncateFrom(end + 1);
    return end;
  }

  private truncateFrom`,
      },
    ],
  },
  {
    name: "previous-term-not-checked",
    wrong: "a follower accepts entries after any entry at the right index",
    trips: ["LM", "LC", "SMS", "DUR"],
    court: "simulator",
    edits: [
      {
        file: following,
        find: "if (log.term(append.previousIndex) !== append.previousTerm) {",
        replace: "if (log.term(append.previousIndex) === undefined) {",
      },
    ],
  },
  {
    name: "follower-commit-unbounded",
    wrong: "a follower commits up to the leader's index before it knows that its entries up to there match",
    trips: ["SMS", "LC", "DUR"],
    court: "simulator",
    edits: [
      {
        file: following,
        find: "  log.commitTo(Math.min(append.commitIndex, lastCovered));",
        replace: "  log.commitTo(Math.min(append.commitIndex, log.lastIndex));",
      },
      // Allowed, and what leaders without hints do: only a message that ends before the logs part shows what is wrong.
      {
        file: replication,
        find: "progress.rejected(result.index, agreement.index + 1)",
        replace: "progress.rejected(result.index, Math.max(progress.matchIndex + 1, agreement.index - 1))",
      },
    ],
  },
  {
    name: "heartbeat-commit-unbounded",
    wrong: "a heartbeat tells a commit index past what the follower is known to hold",
    trips: ["SMS", "LC", "DUR"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "commitIndex: Math.min(progress.matchIndex, raft.log.committed),",
        replace: "commitIndex: raft.log.committed,",
      },
    ],
  },
  {
    name: "commit-index-regresses",
    wrong: "the commit index follows whatever the last message says",
    trips: ["MONO"],
    court: "simulator",
    edits: [
      {
        file: log,
        find: "if (index <= this.committed) return false;",
        replace: "if (index === this.committed) return false;",
      },
    ],
  },
  {
    name: "match-index-is-last-index",
    wrong: "the leader takes a follower to hold its whole log, whatever the acknowledged request held",
    trips: ["DUR", "LC", "SMS"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "const advanced = progress.accepted(result.index);",
        replace: "const advanced = progress.accepted(raft.log.lastIndex);",
      },
    ],
  },
  {
    name: "snapshot-regresses",
    wrong:
      "a snapshot older than what is committed is installed all the same, and what comes after it is dropped",
    trips: ["MONO", "DUR"],
    court: "simulator",
    edits: [
      {
        file: following,
        find: 'if (raft.role === "leader" || position.index <= log.committed) return;',
        replace: 'if (raft.role === "leader") return;',
      },
      {
        file: following,
        find: "if (log.term(position.index) === position.term) {",
        replace: "if (position.index < 0) {",
      },
      {
        file: log,
        find: '    invariant(position.index > this.committed, "a snapshot would move the commit index back");\n',
        replace: "",
      },
      {
        file: "server/src/node/snapshot-receiver.ts",
        find: "if (announced.lastIndex <= target.committedIndex()) {",
        replace: "if (announced.lastIndex < 0) {",
      },
    ],
  },
  {
    name: "snapshot-drops-newer-suffix",
    wrong:
      "a snapshot whose last entry the log holds replaces the log all the same, with the entries that follow",
    trips: ["DUR", "LC"],
    // It takes a follower that is far ahead of what it knows to be committed, and a snapshot that was on its way before.
    court: "unit tests",
    tests: ["server/src/raft"],
    edits: [
      {
        file: following,
        find: "if (log.term(position.index) === position.term) {",
        replace: "if (position.index < 0) {",
      },
    ],
  },
  {
    name: "read-index-without-quorum",
    wrong: "a leader serves reads without asking whether it still leads",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "const confirmed = majorityReached(raft, raft.reads.newestRound, readRoundOf);",
        replace: "const confirmed = raft.reads.newestRound;",
      },
    ],
  },
  {
    name: "read-before-term-commit",
    wrong: "a new leader serves reads at its commit index before it has committed an entry of its own term",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "if (raft.log.committed < raft.termStartIndex) {\n    raft.reads.defer",
        replace: "if (raft.log.committed < 0) {\n    raft.reads.defer",
      },
    ],
  },
  {
    name: "lease-read-without-margin",
    wrong: "a leader serves reads for as long as it believes that no other can have been elected",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: 'import { majorityReached } from "./quorum.js";',
        replace: 'import { hearsFromMajority, majorityReached } from "./quorum.js";',
      },
      {
        file: replication,
        find: "  openRead(raft, from, context);\n}\n\nfunction openRead",
        replace:
          "  if (hearsFromMajority(raft)) raft.grantRead(from, context, raft.log.committed);\n  else openRead(raft, from, context);\n}\n\nfunction openRead",
      },
    ],
  },
  {
    name: "lease-read-on-wall-clock",
    wrong: "a leader serves reads for as long as its wall clock says that no other can have been elected",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "  progress.resume();\n  if (progress.matchIndex",
        replace: "  progress.heardAtMs = Date.now();\n  progress.resume();\n  if (progress.matchIndex",
      },
      {
        file: replication,
        find: "  openRead(raft, from, context);\n}\n\nfunction openRead",
        replace:
          "  if (Date.now() - majorityReached(raft, Date.now(), ({ heardAtMs = 0 }) => heardAtMs) < 400) raft.grantRead(from, context, raft.log.committed);\n  else openRead(raft, from, context);\n}\n\nfunction openRead",
      },
    ],
  },
  {
    name: "committed-bytes-still-count",
    wrong:
      "of what a commit covers, entries in memory still count as uncommitted when others are in the storage only",
    trips: ["ASSERT", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: replication,
        find: "  raft.uncommittedBytes -= raft.log.bytes(before + 1, index);",
        replace:
          "  for (const { data } of raft.log.entries(before + 1, index, Number.POSITIVE_INFINITY)) raft.uncommittedBytes -= data.length;",
      },
    ],
  },
  {
    name: "deposed-leader-answers-reads",
    wrong: "reads that wait when a leadership ends are answered as if it had been confirmed",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/core.ts",
        find: "for (const read of this.reads.abandon()) this.refuseRead(read.from, read.context);",
        replace:
          "for (const read of this.reads.abandon()) this.grantRead(read.from, read.context, this.log.committed);",
      },
    ],
  },
  {
    name: "membership-change-before-term-commit",
    wrong: "a leader changes the membership before it has committed an entry of its term",
    trips: ["ES", "LC", "DUR"],
    court: "simulator",
    edits: [
      ...withoutAdministrativeChecks,
      {
        file: "server/src/raft/membership-change.ts",
        find: '  if (log.committed < raft.termStartIndex) return { accepted: false, reason: "termNotCommitted" };\n',
        replace: "",
      },
    ],
  },
  {
    name: "two-membership-changes-at-once",
    wrong: "a leader begins a change of the membership while another is not committed",
    trips: ["ES", "LC", "DUR"],
    court: "simulator",
    edits: [
      ...withoutAdministrativeChecks,
      {
        file: "server/src/raft/membership-change.ts",
        find: '  if (newest.index > log.committed) return { accepted: false, reason: "pendingChange" };\n',
        replace: "",
      },
      {
        file: "server/src/raft/core.ts",
        find: 'kind !== "configuration" || this.configurationIndex <= this.log.committed,',
        replace: "true,",
      },
    ],
  },
  {
    name: "removal-told-before-commit",
    wrong: "a member that a leader is about to remove is told to be gone, by its newest configuration",
    trips: ["DUR", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/administration.ts",
        find: "const { roster, read } = this.parts;",
        replace: "const { roster, read } = this.parts;\n    done(unknown(named));",
      },
    ],
  },
  {
    name: "change-of-address-not-told",
    wrong: "a node that missed a change of its leader's address looks for it at the old one for ever",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/transport/peers.ts",
        find: '    if (readdressed && address !== "") {',
        replace: "    if (false) {",
      },
    ],
  },
  {
    name: "newer-format-before-all-know-it",
    wrong: "commands are proposed that a member of an older version does not understand",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/roster.ts",
        find: "members.length > 0 && members.every(({ id }) => this.formatOf(id) >= format);",
        replace: "members.length > 0;",
      },
    ],
  },
  {
    name: "older-learner-gets-a-vote",
    wrong: "a learner is promoted that may not understand what the log holds already",
    trips: ["LIVE"],
    // Few runs have a node of an older version join a cluster that is beyond it, and a promotion before it stops.
    court: "unit tests",
    tests: ["server/src/node/administration.test.ts"],
    edits: [
      {
        file: "server/src/node/administration.ts",
        find: "        return this.outdated(change.value.member);\n",
        replace: "        return undefined;\n",
      },
    ],
  },
  {
    name: "configuration-not-rolled-back",
    wrong: "a configuration stays in effect when its entry is truncated away",
    trips: ["ES", "LC", "DUR", "LIVE"],
    court: "simulator",
    edits: [{ file: log, find: "    this.configurations.truncatedFrom(index);\n", replace: "" }],
  },
  {
    name: "learners-count",
    wrong: "learners' copies count towards a majority",
    trips: ["DUR", "LC"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/quorum.ts",
        find: 'if (progress.standing === "voter") count = insert(tally, count, reachedBy(progress));',
        replace: "count = insert(tally, count, reachedBy(progress));",
      },
    ],
  },
];
