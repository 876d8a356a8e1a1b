import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CorruptData } from "./errors.js";
import { LogStore } from "./log-store.js";
import { openDatabase } from "./sqlite.js";

describe("the log on disk", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "quorate-log-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("reads back entries with and without data, also after it was opened again", () => {
    const file = join(dir, "log.db");
    const entries = [
      { index: 1, term: 1, kind: "noop" as const, data: new Uint8Array(0) },
      { index: 2, term: 1, kind: "commands" as const, data: Uint8Array.of(1, 2, 3) },
      { index: 3, term: 2, kind: "noop" as const, data: new Uint8Array(0) },
    ];
    const written = new LogStore(file);
    written.write({ term: 2, vote: 7 }, entries);
    written.close();

    const read = new LogStore(file);
    expect(read.hardState()).toEqual({ term: 2, vote: 7 });
    expect(
      read.entries(1, 3, 1_000_000).map(({ index, kind, data }) => ({ index, kind, data: [...data] })),
    ).toEqual(entries.map(({ index, kind, data }) => ({ index, kind, data: [...data] })));
    read.close();
  });

  it("tells the configuration entries that it holds, and no others, also after a part of them was replaced", () => {
    const file = join(dir, "log.db");
    const data = Uint8Array.of(1);
    const log = new LogStore(file);
    log.write(undefined, [
      { index: 1, term: 1, kind: "noop", data: new Uint8Array(0) },
      { index: 2, term: 1, kind: "configuration", data },
      { index: 3, term: 1, kind: "commands", data },
      { index: 4, term: 1, kind: "configuration", data },
    ]);
    const found = (): (number | string)[][] => log.configurations().map(({ index, kind }) => [index, kind]);
    expect(found()).toEqual([
      [2, "configuration"],
      [4, "configuration"],
    ]);
    log.write(undefined, [{ index: 4, term: 2, kind: "noop", data: new Uint8Array(0) }]);
    expect(found()).toEqual([[2, "configuration"]]);
    log.cutTo(2);
    expect(found()).toEqual([]);
    log.close();
  });

  /** Entries from `first` on, of so many bytes each. */
  const entriesOf = (first: number, sizes: readonly number[]) =>
    sizes.map((size, i) => ({
      index: first + i,
      term: 1,
      kind: "commands" as const,
      data: new Uint8Array(size).fill(i),
    }));

  it("accounts for the bytes of its entries through writes, replaced tails, cuts, resets and when it is opened", () => {
    const file = join(dir, "log.db");
    const log = new LogStore(file);
    log.write(undefined, entriesOf(1, [10, 20, 30, 40]));
    expect(log.bytes).toBe(100);
    log.write({ term: 2, vote: 0 }, entriesOf(3, [5]));
    expect(log.bytes).toBe(35);
    log.cutTo(1);
    expect(log.bytes).toBe(25);
    log.close();

    const reopened = new LogStore(file);
    expect(reopened.bytes).toBe(25);
    reopened.reset({ index: 9, term: 2 });
    expect(reopened.bytes).toBe(0);
    reopened.close();
  });

  it("tells where to cut for at most so many bytes to stay", () => {
    const log = new LogStore(join(dir, "log.db"));
    log.write(undefined, entriesOf(1, [10, 20, 30, 40]));
    expect(log.startKeeping(100)).toBe(0);
    expect(log.startKeeping(99)).toBe(1);
    expect(log.startKeeping(70)).toBe(2);
    expect(log.startKeeping(0)).toBe(4);
    expect(log.cutTo(log.startKeeping(70))).toEqual({ index: 2, term: 1 });
    expect(log.bytes).toBe(70);
    expect(log.entries(3, 4, 1_000).map(({ data }) => data.length)).toEqual([30, 40]);
    log.close();
  });

  it("cuts a bounded number of bytes at once, and in the end all it was told to", () => {
    const log = new LogStore(join(dir, "log.db"));
    const mebibyte = 1_048_576;
    log.write(undefined, entriesOf(1, Array<number>(40).fill(mebibyte)));
    expect(log.cutTo(40).index).toBe(32);
    expect(log.bytes).toBe(8 * mebibyte);
    expect(log.cutTo(40).index).toBe(40);
    expect(log.bytes).toBe(0);
    log.close();
  });

  describe("that was damaged", () => {
    const write = (): string => {
      const file = join(dir, "log.db");
      const log = new LogStore(file);
      log.belongTo("aa", false);
      const data = Uint8Array.of(1, 2, 3);
      log.write(
        { term: 2, vote: 7 },
        [1, 2, 3].map((index) => ({ index, term: 1, kind: "commands" as const, data })),
      );
      log.close();
      return file;
    };
    const damage = (sql: string): string => {
      const file = write();
      const db = openDatabase(file);
      db.exec(sql);
      db.close();
      return file;
    };

    it.each([
      [
        "an entry in the middle",
        "UPDATE entry SET data = x'010209' WHERE idx = 2",
        "log entry 2 does not match",
      ],
      ["a hole in the middle", "DELETE FROM entry WHERE idx = 2", "has only 2 of them"],
      ["another vote", "UPDATE hard_state SET vote = 8", "hard_state of the log does not match"],
      ["a lower term", "UPDATE hard_state SET term = 1", "hard_state of the log does not match"],
      ["another start", "UPDATE log_start SET idx = 1", "log_start of the log does not match"],
    ])("is refused: %s", (_what, sql, message) => {
      const file = damage(sql);
      expect(() => new LogStore(file)).toThrow(CorruptData);
      expect(() => new LogStore(file)).toThrow(message);
    });

    it("is refused when it was emptied, or is another directory's", () => {
      const file = write();
      const other = new LogStore(file);
      expect(() => other.belongTo("bb", false)).toThrow("another data directory");
      other.close();
      for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
      truncateSync(file, 0);
      const emptied = new LogStore(file);
      expect(() => emptied.belongTo("aa", true)).toThrow("the log was emptied");
      emptied.close();
    });
  });

  it("remembers the snapshot that is about to take its place, until it has", () => {
    const file = join(dir, "log.db");
    const before = new LogStore(file);
    expect(before.announcedInstall()).toBeUndefined();
    before.announceInstall({ index: 4, term: 2 });
    before.announceInstall({ index: 7, term: 3 });
    before.close();
    const after = new LogStore(file);
    expect(after.announcedInstall()).toEqual({ index: 7, term: 3 });
    after.reset({ index: 7, term: 3 });
    expect(after.announcedInstall()).toBeUndefined();
    after.close();
  });
});
