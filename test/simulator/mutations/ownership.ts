import type { Mutation } from "./mutation.js";

const contender = "sdk/src/ownership/contender.ts";

/** Locks and elections that rely on entries which somebody else may break. */
export const ownershipMutations: readonly Mutation[] = [
  {
    name: "vanished-waiter-not-told",
    wrong: "who waits for a lock waits on when its own entry is deleted",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: contender,
        find: "      own.onGone = ({ error }) => stop.abort(error ?? deletedWhileWaiting(entry));\n",
        replace: "",
      },
    ],
  },
  {
    name: "entry-known-by-its-path",
    wrong: "an entry that was deleted and put there again is taken for the contender's own",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/ownership/queue.ts",
        find: "present: node.entry?.createRevision === token",
        replace: "present: node.entry !== undefined",
      },
    ],
  },
  {
    name: "proclaimed-without-fence",
    wrong: "a leader announces a value whether it leads or not",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/leader/leadership.ts",
        find: '{ lease: "session", fence: this }',
        replace: '{ lease: "session" }',
      },
    ],
  },
  {
    name: "given-up-wait-stays-in-the-queue",
    wrong: "who gives up waiting leaves its entry, for which all behind it wait",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: contender,
        find: "        own.stop();\n        leaveInBackground(client, entry.path);\n",
        replace: "        own.stop();\n",
      },
    ],
  },
];
