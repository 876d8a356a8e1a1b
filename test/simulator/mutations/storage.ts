import type { Mutation } from "./mutation.js";

const scan = "server/src/storage/log/log-scan.ts";
const segmentFile = "server/src/storage/log/segment-file.ts";
const segmentWriter = "server/src/storage/log/segment-writer.ts";
const sqlite = "server/src/storage/sqlite.ts";
const tests = ["server/src/storage"];

/**
 * Mistakes in the handling of files. The log is the real one in a simulation, too; what SQLite does there is done by a
 * stand-in, so the tests of the storage hold that.
 */
export const storageMutations: readonly Mutation[] = [
  {
    name: "bad-checksum-taken-for-end-of-log",
    wrong: "whatever does not verify in the log is taken for its end",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "simulator",
    edits: [{ file: scan, find: "    this.#judge(found);\n", replace: "" }],
  },
  {
    name: "damaged-middle-taken-for-end-of-log",
    wrong: "a group that is gone from the middle of the log is taken for one that was never written",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "storage tests",
    tests: ["server/src/storage/log"],
    edits: [
      {
        file: scan,
        find: "    const later = this.#findLater();\n",
        replace: "    const later = this.#at < 0 ? this.#findLater() : undefined;\n",
      },
    ],
  },
  {
    name: "damaged-last-write-taken-for-torn",
    wrong:
      "the last write, which is damaged though all of it had reached the disk, is taken for one that was cut short",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "simulator",
    edits: [
      {
        file: scan,
        find: 'if (found.kind === "broken" && !found.unwritten) {',
        replace: 'if (found.kind === "broken" && !found.unwritten && this.#at < 0) {',
      },
    ],
  },
  {
    name: "damaged-header-taken-for-torn",
    wrong: "a damaged header of the last write is taken for a place where nothing was written",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "simulator",
    edits: [
      { file: scan, find: "found.bytes >= MARKED_BYTES / 2", replace: "found.bytes > 512 * MARKED_BYTES" },
    ],
  },
  {
    name: "log-not-synced",
    wrong: "a write of the log does not wait for the disk",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "simulator",
    edits: [
      {
        file: segmentFile,
        find: "    writeFully(this.#descriptor, bytes, offset);\n    fdatasyncSync(this.#descriptor);\n",
        replace: "    writeFully(this.#descriptor, bytes, offset);\n",
      },
    ],
  },
  {
    name: "fsync-error-retried",
    wrong: "a sync of the log that failed is tried again, and the write taken for durable when that succeeds",
    trips: ["DUR", "LC", "MONO"],
    court: "simulator",
    edits: [
      {
        file: segmentFile,
        find: "    writeFully(this.#descriptor, bytes, offset);\n    fdatasyncSync(this.#descriptor);\n",
        replace: `    writeFully(this.#descriptor, bytes, offset);
    try {
      fdatasyncSync(this.#descriptor);
    } catch {
      fdatasyncSync(this.#descriptor);
    }
`,
      },
    ],
  },
  {
    name: "left-behind-writes-trusted",
    wrong: "what a killed process left in the log is acted upon before it is synced",
    trips: ["DUR", "ES", "LC", "MONO"],
    court: "storage tests",
    tests: ["test/simulator/disk/log-store"],
    edits: [{ file: segmentWriter, find: "    writeAgain(folder, file, lastGroup);\n", replace: "" }],
  },
  {
    name: "left-behind-state-trusted",
    wrong: "what a killed process left in the write-ahead log of the state is acted upon before it is synced",
    trips: ["DUR"],
    court: "storage tests",
    tests,
    edits: [{ file: sqlite, find: "    checkpoint(db, file);\n", replace: "" }],
  },
  {
    name: "state-not-synced",
    wrong: "a commit to the state does not wait for the disk",
    trips: ["DUR"],
    court: "storage tests",
    tests,
    edits: [
      { file: sqlite, find: 'db.pragma("synchronous = FULL");', replace: 'db.pragma("synchronous = OFF");' },
    ],
  },
  {
    name: "hole-in-log-accepted",
    wrong: "a log in which entries are missing is taken for a shorter one",
    trips: ["DUR"],
    court: "storage tests",
    tests: ["server/src/storage/log"],
    edits: [
      {
        file: "server/src/storage/log/entry-index.ts",
        find: "if (index > this.last + 1) {",
        replace: "if (index > this.last + 1_000) {",
      },
    ],
  },
];
