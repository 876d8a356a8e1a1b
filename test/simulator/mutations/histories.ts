import type { Mutation } from "./mutation.js";

const serverBinding = "server/src/rpc/history-binding.ts";
const clientBinding = "sdk/src/endpoints/history-binding.ts";

/** Wrong bindings of what is gone on from to its history, at the servers and at their clients. */
export const historyMutations: readonly Mutation[] = [
  {
    name: "history-not-looked-at",
    wrong: "a node serves requests that go on from another history",
    trips: ["HISTORY", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: serverBinding,
        find: 'if (expected === "" || expected === historyId) return undefined;',
        replace: "if (expected.length >= 0) return undefined;",
      },
    ],
  },
  {
    name: "history-not-named",
    wrong: "a client names no history in what it asks",
    trips: ["HISTORY", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: clientBinding,
        find: "    if (wanted === undefined) return this.#id;",
        replace: '    if (wanted === undefined) return "";',
      },
    ],
  },
  {
    name: "session-names-no-history",
    wrong: "a session is resumed under its id in whatever history, and told that it expired",
    trips: ["HISTORY"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/session/session.ts",
        find: "return { sessionId: this.#sessionId, ttlMs, historyId: this.#pool.history.id };",
        replace: 'return { sessionId: this.#sessionId, ttlMs, historyId: "" };',
      },
    ],
  },
  {
    name: "watch-names-no-history",
    wrong: "a watch is resumed in whatever history, and takes what it is told",
    trips: ["HISTORY", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/watch/watch-connection.ts",
        find: "watcher.create(watchId, this.#pool.history.named(watcher.wanted))",
        replace: 'watcher.create(watchId, "")',
      },
      {
        file: "sdk/src/watch/watch-connection.ts",
        find: "const strange = this.#pool.history.strange(historyId, watcher.named, stream.endpoint);",
        replace: 'const strange = this.#pool.history.strange("", watcher.named, stream.endpoint);',
      },
    ],
  },
  {
    name: "keepalive-names-no-history",
    wrong: "a keepalive goes to nodes of whatever history, and what they say of its lease is believed",
    trips: ["HISTORY"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/lease/keep-alives.ts",
        find: "const named = history.named(undefined);",
        replace: 'const named = "";',
      },
      {
        file: "sdk/src/lease/keep-alives.ts",
        find: "      if (strange !== undefined) return strange;\n",
        replace: "",
      },
    ],
  },
  {
    name: "bookmark-taken-for-ones-own",
    wrong: "the history that a bookmark is of is forgotten",
    trips: ["HISTORY", "LIVE"],
    court: "simulator",
    edits: [
      {
        file: clientBinding,
        find: '    if (this.#id === "" || this.#id === wanted) return wanted;',
        replace: "    if (wanted.length > 0) return this.#id;",
      },
    ],
  },
  {
    name: "history-lost-at-restart",
    wrong: "a node that restarts knows its history no more",
    trips: ["HASH", "HISTORY", "ASSERT"],
    court: "unit tests",
    tests: ["server/src/state-machine/history-id.test.ts"],
    edits: [
      {
        file: "server/src/state-machine/state-machine.ts",
        find: "if (image.historyId !== undefined) this.#historyId.restore(image.historyId);",
        replace: "",
      },
    ],
  },
  {
    name: "history-renewed",
    wrong: "the id of a history is replaced by another that was proposed at the same time",
    trips: ["HASH"],
    court: "unit tests",
    tests: ["server/src/state-machine/history-id.test.ts"],
    edits: [
      {
        file: "server/src/state-machine/history-id.ts",
        find: '    if (this.#id !== "") return;\n',
        replace: "",
      },
    ],
  },
];
