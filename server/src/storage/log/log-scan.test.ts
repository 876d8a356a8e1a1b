import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { CorruptData } from "../errors.js";
import { SECTOR_BYTES } from "./group-header.js";
import {
  type Content,
  contentOf,
  entry,
  type Files,
  readFiles,
  TemporaryFolder,
} from "./log.test-support.js";

// Thousands of damages are tried one after the other.
vi.setConfig({ testTimeout: 120_000 });

/** A log of several segments, with values of zeros and entries that were replaced; left as by SIGKILL, or closed. */
async function filesOf(end: "killed" | "closed"): Promise<Files> {
  await using folder = new TemporaryFolder();
  const log = folder.open();
  log.belongTo("aa", false);
  log.write({ term: 1, vote: 2 }, [entry(1), entry(2, 1, 700)]);
  log.write(undefined, [entry(3, 1, 40), { ...entry(4), data: new Uint8Array(1_400) }]);
  log.write({ term: 2, vote: 0 }, [entry(4, 2, 30, "configuration"), entry(5, 2)]);
  log.cutTo(1);
  log.announceInstall({ index: 4, term: 2 });
  log.write(undefined, [entry(6, 2, 300)]);
  log.write({ term: 3, vote: 1 }, [{ ...entry(7, 3), data: new Uint8Array(1_100) }]);
  // A last write of three sectors.
  log.write({ term: 4, vote: 3 }, [entry(8, 4, 500), entry(9, 4, 600)]);
  if (end === "closed") log.close();
  return readFiles(join(folder.path, "log"));
}

function plain({ hardState, start, owner, announced, entries }: Content): Content {
  return { hardState, start, owner, announced, entries };
}

/** What the files hold after some damage; undefined when they are refused. */
function after(files: Files, damage: (files: Files) => void): ReturnType<typeof contentOf> | undefined {
  return foundIn(changed(files, damage));
}

/** A copy in which something was changed. */
function changed(files: Files, change: (files: Files) => void): Files {
  const copy = new Map([...files].map(([number, bytes]) => [number, Buffer.from(bytes)] as const));
  change(copy);
  return copy;
}

function foundIn(files: Files): ReturnType<typeof contentOf> | undefined {
  try {
    return contentOf(files);
  } catch (error) {
    if (error instanceof CorruptData) return undefined;
    throw error;
  }
}

describe.each(["killed", "closed"] as const)("a log that was %s", async (end) => {
  const files = await filesOf(end);
  const whole = contentOf(files);
  const newest = Math.max(...files.keys());

  it("has several segments, and all that was written to it", () => {
    expect(files.size).toBeGreaterThanOrEqual(3);
    expect(plain(whole)).toMatchObject({
      hardState: { term: 4, vote: 3 },
      start: { index: 1, term: 1 },
      owner: "aa",
      announced: { index: 4, term: 2 },
    });
    expect(whole.entries).toHaveLength(8);
    expect(whole.scanned.dirtyTo).toBe(whole.scanned.offset);
  });

  it("with any bit turned is refused, or loses nothing: where nothing was written, it does no harm", () => {
    const { segment, offset } = whole.scanned;
    for (const [number, bytes] of files) {
      for (let at = 0; at < bytes.length; at += 1) {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        const found = foundIn(files);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        const isUnused = number === segment && at >= offset;
        if (isUnused && found === undefined) throw new Error(`refused for byte ${at} of ${number}`);
        if (found !== undefined && !isDeepStrictEqual(plain(found), plain(whole))) {
          throw new Error(`lost something for byte ${at} of ${number}`);
        }
        const dirtyTo = (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES;
        if (isUnused && found?.scanned.dirtyTo !== dirtyTo) throw new Error(`byte ${at} is left as it is`);
      }
    }
  });

  it("is refused when one of its files is shorter by any length, longer, or missing", () => {
    for (const [number, bytes] of files) {
      for (let length = 0; length < bytes.length; length += 1) {
        const found = foundIn(new Map([...files, [number, bytes.subarray(0, length)]]));
        if (found !== undefined) throw new Error(`${number} was taken with ${length} bytes`);
      }
      expect(after(files, (copy) => copy.set(number, Buffer.concat([bytes, bytes])))).toBeUndefined();
      expect(
        after(files, (copy) => copy.delete(number)),
        `without ${number}`,
      ).toBeUndefined();
    }
  });

  it("with a whole sector made zero is refused, unless it is one of the last group's", () => {
    const last = whole.scanned.lastGroup;
    for (const [number, bytes] of files) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        const found = after(files, (copy) => copy.get(number)?.fill(0, at, at + SECTOR_BYTES));
        const isLast = number === newest && at >= last.offset && at < last.offset + last.bytes.length;
        if (isLast) expect(found?.scanned.sequence).toBe(whole.scanned.sequence - 1);
        else if (found !== undefined) expect(plain(found)).toEqual(plain(whole));
      }
    }
  });

  it("is refused with two of its files exchanged, or with one of another log", async () => {
    const other = await filesOf(end);
    for (const number of files.keys()) {
      const next = files.get(number + 1);
      const own = files.get(number);
      if (next === undefined || own === undefined) continue;
      expect(after(files, (copy) => copy.set(number, next).set(number + 1, own))).toBeUndefined();
      expect(after(files, (copy) => copy.set(number + 1, other.get(number + 1) ?? next))).toBeUndefined();
    }
  });
});

it("after a loss of power in its last write has all of that write or nothing, whichever sectors reached the disk", async () => {
  const files = await filesOf("killed");
  const whole = contentOf(files);
  const { segment, offset, bytes } = whole.scanned.lastGroup;
  const sectors = bytes.length / SECTOR_BYTES;
  expect(sectors).toBe(3);
  for (let written = 0; written < 2 ** sectors; written += 1) {
    const found = after(files, (copy) => {
      for (let sector = 0; sector < sectors; sector += 1) {
        const at = offset + sector * SECTOR_BYTES;
        if ((written & (1 << sector)) === 0) copy.get(segment)?.fill(0, at, at + SECTOR_BYTES);
      }
    });
    if (found === undefined) throw new Error(`refused with sectors ${written.toString(2)}`);
    if (written === 2 ** sectors - 1) {
      expect(plain(found)).toEqual(plain(whole));
      continue;
    }
    expect(found.scanned.sequence).toBe(whole.scanned.sequence - 1);
    expect(found.hardState).toEqual({ term: 3, vote: 1 });
    expect(found.entries).toEqual(whole.entries.slice(0, 6));
    expect(found.scanned.offset).toBe(offset);
  }
});

it("tells a last write that is damaged from one that is torn, as long as none of its sectors is all zero", async () => {
  const files = await filesOf("killed");
  const { segment, offset, bytes } = contentOf(files).scanned.lastGroup;
  for (let at = offset; at < offset + bytes.length; at += 1) {
    const found = after(files, (copy) => {
      const damaged = copy.get(segment);
      if (damaged !== undefined) damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    });
    if (found !== undefined) throw new Error(`byte ${at} was taken for torn`);
  }
});
