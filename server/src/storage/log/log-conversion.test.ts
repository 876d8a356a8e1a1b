import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogEntry } from "../../raft/index.js";
import { checksumOf } from "../checksum.js";
import { openDataDirectory } from "../data-directory.js";
import { CorruptData, UnusableDataDirectory } from "../errors.js";
import { entry } from "./log.test-support.js";
import { openLog } from "./open-log.js";

const INCARNATION = "0123456789abcdef";
const entries: readonly LogEntry[] = [
  entry(4, 2, 30),
  entry(5, 2, 0, "noop"),
  entry(6, 3, 200, "configuration"),
  entry(7, 3, 3_000),
];

describe("a data directory of format 2", () => {
  let path: string;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "quorate-conversion-"));
    const founders = [{ id: 1, name: "n1", address: "h:1" }];
    const identity = { clusterId: 7, memberId: 1, name: "n1", incarnation: INCARNATION, founders };
    writeFileSync(
      join(path, "identity.json"),
      JSON.stringify({ format: 2, ...identity, standing: "formed" }),
    );
    writeOldLog(join(path, "log.db"));
  });

  afterEach(() => rmSync(path, { recursive: true, force: true }));

  const format = (): unknown =>
    (JSON.parse(readFileSync(join(path, "identity.json"), "utf8")) as { format: unknown }).format;

  /** Opens the log as a node does, and says that it holds what the old one held. */
  function expectConverted(): void {
    const log = openLog(openDataDirectory(path));
    log.belongTo(INCARNATION, true);
    expect(log.hardState()).toEqual({ term: 4, vote: 2 });
    expect(log.start()).toEqual({ index: 3, term: 1 });
    expect(log.announcedInstall()).toEqual({ index: 9, term: 4 });
    const found = log.entries(4, 7, 1_000_000).map((each) => ({ ...each, data: Uint8Array.from(each.data) }));
    expect(found).toEqual(entries);
    expect(log.lastIndex()).toBe(7);
    log.close();
    expect(existsSync(join(path, "log.db"))).toBe(false);
    expect(existsSync(join(path, "log.new"))).toBe(false);
    expect(format()).toBe(3);
  }

  it("is brought to the present one, once, with all that its log held", () => {
    expectConverted();
    expectConverted();
  });

  it("is so whatever an earlier attempt left when it was killed", () => {
    mkdirSync(join(path, "log.new"));
    writeFileSync(join(path, "log.new", "000000000001.log"), "half of");
    expectConverted();
    // The new log had its name, and the old one had not been removed.
    writeOldLog(join(path, "log.db"), [entry(4, 2)]);
    expectConverted();
  });

  it("is marked before its log is changed, so that an older version refuses it", () => {
    const database = new Database(join(path, "log.db"));
    database.exec("UPDATE hard_state SET vote = 3");
    database.close();
    expect(() => openLog(openDataDirectory(path))).toThrow(
      "hard_state of the log does not match its checksum",
    );
    expect(format()).toBe(3);
    expect(existsSync(join(path, "log"))).toBe(false);
    expect(existsSync(join(path, "log.db"))).toBe(true);
  });

  it.each([
    [
      "an altered entry",
      "UPDATE entry SET data = x'01' WHERE idx = 7",
      "log entry 7 does not match its checksum",
    ],
    ["a hole", "DELETE FROM entry WHERE idx = 5", "has only 3 of them"],
    ["another start", "UPDATE log_start SET idx = 4", "log_start of the log does not match"],
    ["no owner", "DELETE FROM owner", "was emptied"],
  ])("is refused with %s in its log, which stays as it is", (_what, sql, message) => {
    const database = new Database(join(path, "log.db"));
    database.exec(sql);
    database.close();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(() => openLog(openDataDirectory(path))).toThrow(CorruptData);
      expect(() => openLog(openDataDirectory(path))).toThrow(message);
    }
    expect(existsSync(join(path, "log.db"))).toBe(true);
    expect(existsSync(join(path, "log"))).toBe(false);
  });

  it("is refused while a process of the older version uses it", () => {
    const database = new Database(join(path, "log.db"));
    database.pragma("locking_mode = EXCLUSIVE");
    database.exec("BEGIN EXCLUSIVE");
    expect(() => openLog(openDataDirectory(path))).toThrow(UnusableDataDirectory);
    database.close();
    expectConverted();
  });
});

describe("a data directory", () => {
  it("belongs to one process at a time", () => {
    const path = mkdtempSync(join(tmpdir(), "quorate-conversion-"));
    const directory = openDataDirectory(path);
    const log = openLog(directory);
    expect(() => openLog(directory)).toThrow(UnusableDataDirectory);
    log.close();
    openLog(directory).close();
    rmSync(path, { recursive: true });
  });
});

/** What the version before wrote. */
function writeOldLog(file: string, kept: readonly LogEntry[] = entries): void {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.exec(`
    CREATE TABLE entry (
      idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL,
      checksum INTEGER NOT NULL) STRICT;
    CREATE TABLE hard_state (
      id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, vote INTEGER NOT NULL,
      checksum INTEGER NOT NULL) STRICT;
    CREATE TABLE log_start (
      id INTEGER PRIMARY KEY CHECK (id = 1), idx INTEGER NOT NULL, term INTEGER NOT NULL,
      checksum INTEGER NOT NULL) STRICT;
    CREATE TABLE owner (id INTEGER PRIMARY KEY CHECK (id = 1), incarnation TEXT NOT NULL) STRICT;
    CREATE TABLE announced_install (
      id INTEGER PRIMARY KEY CHECK (id = 1), idx INTEGER NOT NULL, term INTEGER NOT NULL) STRICT;
    INSERT INTO hard_state VALUES (1, 4, 2, ${checksumOf([4, 2])});
    INSERT INTO log_start VALUES (1, 3, 1, ${checksumOf([3, 1])});
    INSERT INTO owner VALUES (1, '${INCARNATION}');
    INSERT INTO announced_install VALUES (1, 9, 4);
  `);
  const insert = database.prepare("INSERT INTO entry VALUES (?, ?, ?, ?, ?)");
  const kinds = { noop: 1, commands: 2, configuration: 3 };
  for (const { index, term, kind, data } of kept) {
    const header = Buffer.alloc(17);
    header.writeDoubleLE(index, 0);
    header.writeDoubleLE(term, 8);
    header.writeUInt8(kinds[kind], 16);
    insert.run(index, term, kinds[kind], data, crc32(Buffer.concat([header, data])));
  }
  database.close();
}
