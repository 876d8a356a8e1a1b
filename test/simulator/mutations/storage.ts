import type { Mutation } from "./mutation.js";

const logStore = "server/src/storage/log-store.ts";
const sqlite = "server/src/storage/sqlite.ts";
const tests = ["server/src/storage"];

/** Mistakes in the handling of real files: the simulator has a disk of its own, so the tests of the storage hold these. */
export const storageMutations: readonly Mutation[] = [
  {
    name: "bad-checksum-taken-for-end-of-log",
    wrong: "a damaged entry in the middle of the log is taken for its end",
    trips: ["DUR"],
    court: "storage tests",
    tests,
    edits: [
      {
        file: logStore,
        find: "for (const row of this.selectRange.iterate(index + 1, this.last)) bytes += toEntry(row).data.length;",
        replace: `for (const row of this.selectRange.iterate(index + 1, this.last)) {
      try {
        bytes += toEntry(row).data.length;
      } catch {
        this.last = row.idx - 1;
        break;
      }
    }`,
      },
    ],
  },
  {
    name: "log-not-synced",
    wrong: "a commit to the log does not wait for the disk",
    trips: ["DUR", "ES"],
    court: "storage tests",
    tests,
    edits: [
      { file: sqlite, find: 'db.pragma("synchronous = FULL");', replace: 'db.pragma("synchronous = OFF");' },
    ],
  },
  {
    name: "left-behind-writes-trusted",
    wrong: "what a killed process left in the write-ahead log is acted upon before it is synced",
    trips: ["DUR", "ES"],
    court: "storage tests",
    tests,
    edits: [{ file: sqlite, find: "    checkpoint(db, file);\n", replace: "" }],
  },
  {
    name: "hole-in-log-accepted",
    wrong: "a log in which entries are missing is taken for a shorter one",
    trips: ["DUR"],
    court: "storage tests",
    tests,
    edits: [{ file: logStore, find: "    this.checkContinuity();\n", replace: "" }],
  },
];
