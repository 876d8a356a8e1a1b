import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failPower, faults, ROOT, replaceFile, startDisk, syncDirectory } from "./disk.test-support.js";
import { noFaults, SimulatedCrash } from "./disk-faults.js";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "./file-system.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";

let disk: SimulatedDisk;

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

describe("plain files on a simulated disk", () => {
  const FILE = `${ROOT}/identity.json`;

  it("survive once file and directory are synced", () => {
    replaceFile(FILE, "one");
    syncDirectory();
    replaceFile(FILE, "two");
    syncDirectory();
    failPower(disk);
    expect(readFileSync(FILE, "utf8")).toBe("two");
    expect(readdirSync(ROOT)).toEqual(["identity.json"]);
  });

  it("have the old or the new content after a power failure, when only the directory was not synced", () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      disk = startDisk(seed);
      replaceFile(FILE, "old");
      syncDirectory();
      replaceFile(FILE, "new");
      failPower(disk);
      found.add(readFileSync(FILE, "utf8"));
    }
    expect([...found].sort()).toEqual(["new", "old"]);
  });

  it("may be torn when they were renamed before they were synced", () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) {
      disk = startDisk(seed);
      replaceFile(FILE, "0123", false);
      syncDirectory();
      failPower(disk);
      found.add(readFileSync(FILE, "utf8"));
    }
    expect(found.has("")).toBe(true);
    expect(found.has("0123")).toBe(true);
    expect(found.size).toBeGreaterThan(2);
    for (const each of found) expect("0123".startsWith(each)).toBe(true);
  });

  it("lose what a sync failed for, and keep what is written and synced afterwards", () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 30; seed += 1) {
      disk = startDisk(seed);
      const descriptor = openSync(FILE, "w");
      syncDirectory();
      writeSync(descriptor, "a");
      disk.faults = faults({ syncError: 1 });
      expect(() => fsyncSync(descriptor)).toThrow(expect.objectContaining({ code: "EIO" }) as Error);
      disk.faults = noFaults;
      writeSync(descriptor, "b");
      fsyncSync(descriptor);
      failPower(disk);
      found.add(readFileSync(FILE, "latin1"));
    }
    expect([...found].sort()).toEqual(["\0b", "ab"]);
  });

  it("are all there when only the process died, and gone when the disk was wiped", () => {
    replaceFile(FILE, "text", false);
    disk.crash({ power: false });
    expect(() => existsSync(FILE)).toThrow(SimulatedCrash);
    disk.boot();
    expect(readFileSync(FILE, "utf8")).toBe("text");
    disk.wipe();
    disk.boot();
    expect(existsSync(ROOT)).toBe(false);
  });

  it("hold what was written, whatever becomes of the buffer it came from", () => {
    const buffer = Buffer.from("abc");
    const descriptor = openSync(FILE, "w");
    writeSync(descriptor, buffer);
    buffer.fill("x");
    expect(readFileSync(FILE, "utf8")).toBe("abc");
    readFileSync(FILE).fill("y");
    fsyncSync(descriptor);
    syncDirectory();
    failPower(disk);
    expect(readFileSync(FILE, "utf8")).toBe("abc");
  });

  it("say what is wrong with a call in the codes of the operating system", () => {
    const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;
    expect(() => readFileSync(FILE)).toThrow(code("ENOENT"));
    expect(() => rmSync(FILE)).toThrow(code("ENOENT"));
    expect(() => rmSync(FILE, { force: true })).not.toThrow();
    expect(() => openSync("/elsewhere/file", "w")).toThrow(code("EROFS"));
    expect(() => closeSync(99)).toThrow(code("EBADF"));
  });

  it("leave the machine's own files to be read", () => {
    expect(readFileSync(new URL("../../../server/package.json", import.meta.url), "utf8")).toContain(
      "@quorate/server",
    );
    expect(existsSync("/")).toBe(true);
  });
});
