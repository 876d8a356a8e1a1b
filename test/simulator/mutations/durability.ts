import type { Mutation } from "./mutation.js";

const core = "server/src/raft/core.ts";
const node = "server/src/node/node.ts";
const stateMachine = "server/src/state-machine/state-machine.ts";

/** Data that are not, or not yet, where they should be. */
export const durabilityMutations: readonly Mutation[] = [
  {
    name: "append-acknowledged-before-fsync",
    wrong: "a follower acknowledges entries before they are on its disk",
    trips: ["DUR", "LC"],
    court: "simulator",
    edits: [
      {
        file: core,
        find: `      case "timeoutNow":
        this.messages.push({ to, message });`,
        replace: `      case "timeoutNow":
      case "appendEntriesResult":
        this.messages.push({ to, message });`,
      },
    ],
  },
  {
    name: "term-not-durable-before-append",
    wrong: "answers to the leader of a new term leave before that term is on disk",
    trips: ["ES", "MONO", "DUR"],
    court: "simulator",
    edits: [
      {
        file: core,
        find: `      case "appendEntriesResult":
      case "heartbeatResult":
      case "requestVote":`,
        replace: `      case "appendEntriesResult":
      case "heartbeatResult":
        (this.log.persisted < this.log.lastIndex ? this.afterPersist : this.messages).push({ to, message });
        return;
      case "requestVote":`,
      },
    ],
  },
  {
    name: "fsync-error-ignored",
    wrong: "an error of the disk when the log is written is logged, and the node goes on",
    trips: ["DUR", "LC", "MONO"],
    court: "simulator",
    edits: [
      {
        file: node,
        find: "if (hardState !== undefined || entries.length > 0) this.log.write(hardState, entries);",
        replace: `try {
      if (hardState !== undefined || entries.length > 0) this.log.write(hardState, entries);
    } catch (error) {
      this.logger.warn({ err: error }, "the log could not be written");
    }`,
      },
    ],
  },
  {
    name: "log-cut-before-state-durable",
    wrong: "the log is cut behind the applied index instead of the one the state on disk stands at",
    trips: ["DUR"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/upkeep.ts",
        find: "{ durableIndex: state.durableIndex, heldIndex: sender.heldIndex }",
        replace: "{ durableIndex: state.machine.appliedIndex, heldIndex: sender.heldIndex }",
      },
      {
        file: "server/src/node/upkeep.ts",
        find: "    this.parts.state.flush();\n    this.cutLog();",
        replace: "    this.cutLog();\n    this.parts.state.flush();",
      },
    ],
  },
  {
    name: "applied-index-not-atomic",
    wrong: "the state on disk says that it stands one entry before where it stands",
    trips: ["HASH", "EO"],
    court: "simulator",
    edits: [
      {
        file: stateMachine,
        find: "    return {\n      appliedIndex: this.#appliedIndex,\n",
        replace: "    return {\n      appliedIndex: Math.max(0, this.#appliedIndex - 1),\n",
      },
    ],
  },
  {
    name: "snapshot-without-sessions",
    wrong: "a state that is restored has forgotten its sessions, and with them what they did already",
    trips: ["EO", "HASH", "LEASE"],
    court: "simulator",
    edits: [
      {
        file: stateMachine,
        find: "yield* this.#leases.restoring(image.leases, meta.nextLeaseId, budget);",
        replace:
          "yield* this.#leases.restoring([...image.leases].map(({ session: _, ...lease }) => lease), meta.nextLeaseId, budget);",
      },
      {
        file: stateMachine,
        find: "    invariant(this.hash === meta.hash,",
        replace: "    invariant(this.hash === meta.hash || this.#leases.size >= 0,",
      },
    ],
  },
  {
    name: "snapshot-without-leases",
    wrong: "a state that is restored has forgotten its leases",
    trips: ["LEASE", "HASH"],
    court: "simulator",
    edits: [
      {
        file: stateMachine,
        find: "yield* this.#leases.restoring(image.leases, meta.nextLeaseId, budget);",
        replace:
          "yield* this.#leases.restoring([...image.leases].filter((lease) => lease.session !== undefined), meta.nextLeaseId, budget);",
      },
      {
        file: stateMachine,
        find: "(key, lease) => this.#leases.attach(key, lease)",
        replace:
          "(key, lease) => this.#leases.get(lease) === undefined ? undefined : this.#leases.attach(key, lease)",
      },
      {
        file: stateMachine,
        find: "    invariant(this.hash === meta.hash,",
        replace: "    invariant(this.hash === meta.hash || this.#leases.size >= 0,",
      },
    ],
  },
  {
    name: "snapshot-without-configuration",
    wrong: "a node that installs a snapshot keeps the configuration it had",
    trips: ["ES", "LC", "LIVE", "HASH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/raft/log.ts",
        find: "    this.configurations.restored(configuration);\n",
        replace: "",
      },
    ],
  },
  {
    name: "wiped-node-rejoins",
    wrong: "a node that lost its disk comes back under its old id and votes",
    trips: ["LC", "DUR", "ES", "MONO"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/roster.ts",
        find: "return this.otherIncarnationOf(id, incarnation) ?? this.notes.note(id, incarnation);",
        replace: "this.notes.note(id, incarnation);\n    return incarnation;",
      },
      {
        file: "server/src/transport/handshake.ts",
        find: "  if (known !== undefined) {\n    return estrangement(",
        replace: '  if (known === "") {\n    return estrangement(',
      },
    ],
  },
  {
    name: "lost-founder-joins",
    wrong:
      "a first member that lost its disk before the log knows it comes back by joining, and nobody asks his notes",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "unit tests",
    tests: ["server/src/node/roster.test.ts", "server/src/node/first-members.test.ts"],
    edits: [
      {
        file: "server/src/node/first-members.ts",
        find: "return id === memberIdOf(clusterId, name);",
        replace: "return id === 0 && memberIdOf(clusterId, name) === 0;",
      },
      {
        file: "server/src/node/roster.ts",
        find: "const known = [this.machine().member(id)?.incarnation, this.notes.incarnationOf(id)];",
        replace: "const known = [this.machine().member(id)?.incarnation];",
      },
    ],
  },
  {
    name: "copy-of-a-directory-heeded",
    wrong: "of two processes on copies of one directory, both are heeded where one is known already",
    trips: ["ID"],
    court: "simulator",
    edits: [
      {
        file: "server/src/transport/life.ts",
        find: "if (number <= known.number) return number === known.number && nonce === known.nonce;",
        replace: "if (number <= known.number) return number === known.number;",
      },
    ],
  },
  {
    name: "restarted-copy-passes-for-newer",
    wrong: "a copy of a directory that was started more often than the original is taken for its next start",
    trips: ["ID"],
    court: "simulator",
    edits: [
      {
        file: "server/src/transport/life.ts",
        find: "return kept === undefined || kept === known.nonce;",
        replace: "return kept === undefined || kept.length > 0;",
      },
      {
        file: "server/src/node/retirement.ts",
        find: 'identityFile.write({ ...identity, standing: "disowned" });',
        replace: "identityFile.write({ ...identity });",
      },
    ],
  },
];
