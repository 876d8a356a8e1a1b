import type { Mutation } from "./mutation.js";

const watch = "server/src/node/watch.ts";
const watchHub = "server/src/node/watch-hub.ts";
const watcher = "sdk/src/watch/watcher.ts";
const relistingWatch = "sdk/src/watch/relisting-watch.ts";

const client = "sdk/src/client/client.ts";

/** Wrong watches, at the servers and at their clients, and other wrong clients. */
export const watchMutations: readonly Mutation[] = [
  {
    name: "plain-client-learns-no-members",
    wrong: "a client without a session never asks who the members are",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: client,
        find: 'if (session?.state !== "connected") this.#cluster.served(endpoint);',
        replace: 'if (session?.state === "suspended") this.#cluster.served(endpoint);',
      },
    ],
  },
  {
    name: "listed-members-not-learned",
    wrong: "what a list of the members says is not used by the client that asked for it",
    trips: ["LIVE"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/cluster/cluster-client.ts",
        find: "    this.#pool.learnMembers(listed.map(",
        replace: "    new Set(listed.map(",
      },
    ],
  },
  {
    name: "one-bad-operation-breaks-the-stream",
    wrong: "an operation that cannot be encoded breaks the stream that it would have gone by",
    trips: ["LIVE"],
    // No workload sends what cannot be encoded: the SDK refuses it before.
    court: "unit tests",
    tests: ["sdk/src/client/users-process.test.ts"],
    edits: [
      {
        file: "sdk/src/session/session-stream.ts",
        find: "(request) => encodeRequest(request, handlers.onUnsendable),",
        replace: "connectMethod.requestSerialize,",
      },
    ],
  },
  {
    name: "argument-not-taken-in",
    wrong: "a value of any JavaScript type is put",
    trips: ["ASSERT"],
    court: "unit tests",
    tests: ["sdk/src/arguments/readers.test.ts"],
    edits: [
      {
        file: "sdk/src/arguments/readers.ts",
        find: '  if (!isBytes(value)) throw unexpected("a string or a Uint8Array", value);\n',
        replace: "  if (!isBytes(value)) return new Uint8Array();\n",
      },
    ],
  },
  {
    name: "listener-for-every-call",
    wrong: "every call adds a listener of its own to the signal that it waits on",
    trips: ["ASSERT"],
    court: "unit tests",
    tests: ["sdk/src/client/users-process.test.ts"],
    edits: [
      {
        file: "sdk/src/process/abort-listeners.ts",
        find: "    listeners.set(signal, told);\n",
        replace: "",
      },
    ],
  },
  {
    name: "event-lost-at-compaction",
    wrong: "compaction forgets the deletes of the first revision that can still be watched",
    trips: ["WATCH", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/mvcc.ts",
        find: "this.#supersessions.takeBelow(revision);",
        replace: "this.#supersessions.takeBelow(revision + 1);",
      },
    ],
  },
  {
    name: "compacted-start-served",
    wrong: "a watch from a revision of which history has forgotten a part gets what is left of it",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/rpc/watch-service.ts",
        find: "if (start !== 0 && start < compacted) {",
        replace: "if (start < 0 && start < compacted) {",
      },
      {
        file: watchHub,
        find: "if (watch.nextRevision < history.compactedRevision) {",
        replace: "if (watch.nextRevision < 0) {",
      },
    ],
  },
  {
    name: "watch-replays-after-snapshot",
    wrong: "a watch begins again some revisions back after its node installed a snapshot",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watchHub,
        find: "      watch.seenTo(this.offeredRevision);\n      watch.flush();\n      this.lag(watch);",
        replace: "      watch.next = Math.max(1, watch.next - 5);\n      this.lag(watch);",
      },
    ],
  },
  {
    name: "watch-from-future-gets-old-events",
    wrong: "a watch that asks for a revision yet to come is given what is current",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/rpc/watch-service.ts",
        find: "  if (start > current + 1) {",
        replace: "  if (start > current + 1_000_000) {",
      },
      {
        file: watch,
        find: "if (change.revision < this.next || !this.matches(change.key)) return false;",
        replace: "if (!this.matches(change.key)) return false;",
      },
    ],
  },
  {
    name: "slow-watcher-loses-events",
    wrong: "a watch that falls behind is taken back where the state stands, not where it was",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watchHub,
        find: "    const caughtUp = this.offerHistory(watch);",
        replace: "    watch.seenTo(history.revision);\n    const caughtUp = true;",
      },
    ],
  },
  {
    name: "watch-resumes-at-last-revision",
    wrong: "a watch that is resumed elsewhere asks for the revision it had last instead of the next",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watcher,
        find: 'int64("fromRevision", position + 1)',
        replace: 'int64("fromRevision", Math.max(1, position))',
      },
      {
        file: watcher,
        find: "if (wire === undefined || Number(wire.modRevision) <= position) continue;",
        replace: "if (wire === undefined) continue;",
      },
    ],
  },
  {
    name: "transaction-split-over-deliveries",
    wrong: "the changes of one transaction are delivered one by one, as if each were a revision",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watch,
        find: "if (bytes > bounds.watchReplyBytesMax && end > start) return",
        replace: "if (end > start && change.revision === batch[end - 1]?.revision) return",
      },
      {
        file: watch,
        find: "this.sink.events(part.changes, part.revision, part.more);",
        replace: "this.sink.events(part.changes, part.revision, false);",
      },
    ],
  },
  {
    name: "relist-forgets-deletes",
    wrong: "a relist delivers what is there, and not that known keys are gone",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: relistingWatch,
        find: 'if (this.#wants("delete")) yield synthesized(',
        replace: 'if (this.#wants("delete") && revision < 0) yield synthesized(',
      },
    ],
  },
  {
    name: "relist-repeats-what-was-delivered",
    wrong: "a relist delivers everything that is there, changed or not",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: relistingWatch,
        find: "const isNew = modRevision > position && known.get(path) !== modRevision;",
        replace: "const isNew = modRevision > 0;",
      },
    ],
  },
  {
    name: "relist-leaves-a-gap",
    wrong: "after a relist a watch goes on from what is current then, not from what it was given",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: relistingWatch,
        find: "      this.#position = revision;\n      return;",
        replace:
          "      this.#position = (await this.#read({ revision: undefined })).revision;\n      return;",
      },
    ],
  },
  {
    name: "relist-where-history-is-whole",
    wrong: "a watch from the oldest revision of history is given a difference instead of its changes",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: relistingWatch,
        find: "if (at !== position || error.revision > position + 1) return false;",
        replace: "if (at === position) return false;",
      },
    ],
  },
  {
    name: "bookmark-runs-ahead",
    wrong: "the bookmark of a watch is what it has received, not what was taken from it",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watcher,
        find: "    if (next === undefined) return this.#position;\n",
        replace: "    if (next === undefined || this.#head >= 0) return this.#position;\n",
      },
    ],
  },
  {
    name: "mark-runs-ahead",
    wrong: "an application is told of one revision more than it was delivered",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watcher,
        find: '{ kind: "progress", revision: this.#position };',
        replace: '{ kind: "progress", revision: this.#position + 1 };',
      },
    ],
  },
  {
    name: "server-marks-what-is-to-come",
    wrong: "a server marks the revision after the last that it delivered",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watch,
        find: "      this.sink.progress(revision);",
        replace: "      this.sink.progress(revision + 1);",
      },
    ],
  },
  {
    name: "filter-forgotten-at-resumption",
    wrong: "a watch that is resumed elsewhere asks for events of every kind",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watcher,
        find: "exclude: excludedBy(this.#options.events),",
        replace: "exclude: this.started ? [] : excludedBy(this.#options.events),",
      },
    ],
  },
  {
    name: "filter-drops-a-transaction",
    wrong: "a change of a kind that is not wanted takes those before it along that are still to be delivered",
    trips: ["WATCH"],
    court: "simulator",
    edits: [
      {
        file: watch,
        find: "    if (change.entry === undefined ? !this.spec.deletes : !this.spec.puts) return false;\n",
        replace:
          "    if (change.entry === undefined ? !this.spec.deletes : !this.spec.puts) {\n      this.taken = [];\n      return false;\n    }\n",
      },
    ],
  },
];
