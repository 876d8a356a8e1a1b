import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogEntry } from "../../raft/index.js";
import { CorruptData } from "../errors.js";
import { GroupWriter } from "./group.js";
import { contentOf, entry, readFiles, TemporaryFolder } from "./log.test-support.js";
import type { LogStore } from "./log-store.js";

describe("the log on disk", () => {
  let folder: TemporaryFolder;
  let dir = "";
  beforeEach(() => {
    folder = new TemporaryFolder();
    dir = folder.path;
  });
  afterEach(async () => await folder[Symbol.asyncDispose]());

  const open = (): LogStore => folder.open();

  it("reads back entries with and without data, also after it was opened again", () => {
    const entries = [
      { index: 1, term: 1, kind: "noop" as const, data: new Uint8Array(0) },
      { index: 2, term: 1, kind: "commands" as const, data: Uint8Array.of(1, 2, 3) },
      { index: 3, term: 2, kind: "noop" as const, data: new Uint8Array(0) },
    ];
    const written = open();
    written.write({ term: 2, vote: 7 }, entries);
    written.close();

    const read = open();
    expect(read.hardState()).toEqual({ term: 2, vote: 7 });
    expect(
      read.entries(1, 3, 1_000_000).map(({ index, kind, data }) => ({ index, kind, data: [...data] })),
    ).toEqual(entries.map(({ index, kind, data }) => ({ index, kind, data: [...data] })));
    read.close();
  });

  it("tells the configuration entries that it holds, and no others, also after a part of them was replaced", () => {
    const data = Uint8Array.of(1);
    const log = open();
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
    const log = open();
    log.write(undefined, entriesOf(1, [10, 20, 30, 40]));
    expect(log.bytes).toBe(100);
    log.write({ term: 2, vote: 0 }, entriesOf(3, [5]));
    expect(log.bytes).toBe(35);
    log.cutTo(1);
    expect(log.bytes).toBe(25);
    log.close();

    const reopened = open();
    expect(reopened.bytes).toBe(25);
    reopened.reset({ index: 9, term: 2 });
    expect(reopened.bytes).toBe(0);
    reopened.close();
  });

  it("tells where to cut for at most so many bytes to stay", () => {
    const log = open();
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

  it("goes on in further segments, and removes those that it needs no more", () => {
    const log = open();
    const numbers = (): number[] =>
      readdirSync(join(dir, "log"))
        .filter((name) => name.endsWith(".log"))
        .map((name) => Number.parseInt(name, 10))
        .sort((one, other) => one - other);
    for (let index = 1; index <= 40; index += 1) log.write(undefined, [entry(index, 1, 400)]);
    expect(numbers().length).toBeGreaterThan(8);
    expect(plain(log.entries(1, 40, 1_000_000))).toEqual(
      Array.from({ length: 40 }, (_, at) => entry(at + 1, 1, 400)),
    );
    log.cutTo(35);
    expect(numbers().length).toBeLessThan(5);
    expect(log.entries(36, 40, 1_000_000)).toHaveLength(5);
    log.reset({ index: 100, term: 2 });
    expect(numbers()).toHaveLength(1);
    log.write(undefined, [entry(101, 2)]);
    log.close();
    const again = open();
    expect([again.start(), again.lastIndex()]).toEqual([{ index: 100, term: 2 }, 101]);
    expect(plain(again.entries(101, 101, 1))).toEqual([entry(101, 2)]);
    again.close();
  });

  it("has the next segment ready before it is needed, where that is possible", async () => {
    const log = open();
    for (let index = 1; index <= 4; index += 1) log.write(undefined, [entry(index, 1, 400)]);
    await vi.waitFor(() => expect(readdirSync(join(dir, "log"))).toContain("000000000002.log"));
    for (let index = 5; index <= 9; index += 1) log.write(undefined, [entry(index, 1, 400)]);
    log.close();
    const again = open();
    expect(again.lastIndex()).toBe(9);
    again.close();
  });

  it("gives a write that is larger than a segment one of its own, and keeps values of zeros", () => {
    const log = open();
    const zeros = { ...entry(2), data: new Uint8Array(20_000) };
    log.write(undefined, [entry(1, 1, 10_000)]);
    log.write(undefined, [zeros, entry(3)]);
    expect(plain(log.entries(1, 3, 1_000_000))).toEqual([entry(1, 1, 10_000), zeros, entry(3)]);
    log.close();
    const again = open();
    expect(plain(again.entries(1, 3, 1_000_000))).toEqual([entry(1, 1, 10_000), zeros, entry(3)]);
    again.close();
  });

  it("refuses entries that would leave a hole, or that it has forgotten, and writes nothing of them", () => {
    const log = open();
    log.write(undefined, [entry(1), entry(2)]);
    log.cutTo(1);
    expect(() => log.write(undefined, [entry(4)])).toThrow(RangeError);
    expect(() => log.write(undefined, [entry(1)])).toThrow(RangeError);
    expect(() => log.write(undefined, [entry(3), entry(5)])).toThrow(RangeError);
    log.close();
    const again = open();
    expect(again.lastIndex()).toBe(2);
    again.close();
  });

  it("keeps its files from other users", () => {
    open().close();
    for (const name of readdirSync(join(dir, "log"))) {
      expect(statSync(join(dir, "log", name)).mode & 0o077).toBe(0);
    }
  });

  const plain = (entries: readonly LogEntry[]): LogEntry[] =>
    entries.map((each) => ({ ...each, data: Uint8Array.from(each.data) }));

  /** Changes bytes of a file in place. */
  const alter = (name: string, at: number, change: (bytes: Buffer) => void, length = 1): void => {
    const descriptor = openSync(join(dir, "log", name), "r+");
    const bytes = Buffer.alloc(length);
    readSync(descriptor, bytes, 0, length, at);
    change(bytes);
    writeSync(descriptor, bytes, 0, length, at);
    closeSync(descriptor);
  };

  it("is refused, file and place named, when an entry was altered; and while it is open nothing altered is read", () => {
    const log = open();
    log.write(undefined, [entry(1), entry(2, 1, 100)]);
    log.write(undefined, [entry(3)]);
    alter("000000000001.log", 512 + 150, (bytes) => bytes.fill(1));
    expect(() => log.entries(1, 3, 1_000)).toThrow(
      /log entry 2 in .*000000000001\.log at offset \d+ does not match/,
    );
    log.close();
    expect(open).toThrow(CorruptData);
    expect(open).toThrow(/000000000001\.log at offset 512 holds a damaged group/);
  });

  it("is refused when entries are missing though all its groups are sound", () => {
    const log = open();
    log.write(undefined, [entry(1)]);
    log.close();
    const { scanned } = contentOf(readFiles(join(dir, "log")));
    const group = new GroupWriter();
    group.begin();
    group.addEntry(entry(3));
    const { bytes } = group.finish(scanned.salt, scanned.sequence + 1);
    alter("000000000001.log", scanned.offset, (place) => bytes.copy(place), bytes.length);
    expect(open).toThrow("log entry 2 is missing");
  });

  it("writes over what a torn write left, so that it is never taken for a part of the next one", () => {
    const log = open();
    log.write(undefined, [entry(1)]);
    log.close();
    const { offset } = contentOf(readFiles(join(dir, "log"))).scanned;
    alter("000000000001.log", offset + 600, (bytes) => bytes.fill(0x77), 100);
    const again = open();
    expect(contentOf(readFiles(join(dir, "log"))).scanned.dirtyTo).toBe(offset);
    again.write(undefined, [entry(2)]);
    again.close();
    const third = open();
    expect(third.lastIndex()).toBe(2);
    third.close();
  });

  it("is refused when it was emptied, or is another directory's", () => {
    const log = open();
    log.belongTo("aa", false);
    log.close();
    const other = open();
    expect(() => other.belongTo("bb", false)).toThrow("another data directory");
    other.close();
    rmSync(join(dir, "log"), { recursive: true });
    mkdirSync(join(dir, "log"));
    const emptied = open();
    expect(() => emptied.belongTo("aa", true)).toThrow("the log was emptied");
    emptied.close();
  });

  it("remembers the snapshot that is about to take its place, until it has", () => {
    const before = open();
    expect(before.announcedInstall()).toBeUndefined();
    before.announceInstall({ index: 4, term: 2 });
    before.announceInstall({ index: 7, term: 3 });
    before.close();
    const after = open();
    expect(after.announcedInstall()).toEqual({ index: 7, term: 3 });
    after.reset({ index: 7, term: 3 });
    expect(after.announcedInstall()).toBeUndefined();
    after.close();
  });
});
