import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import { CorruptData } from "../../../server/src/storage/errors.js";
import { LogStore } from "../../../server/src/storage/log/log-store.js";
import { Random } from "../world/random.js";
import { lockDirectory } from "./directory-lock.js";
import { entry, failPower, faults, LOG, ROOT, startDisk, withoutSync } from "./disk.test-support.js";
import { noFaults } from "./disk-faults.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";

vi.mock("node:fs", () => import("./file-system.js"));
vi.mock("node:fs/promises", () => import("./file-handles.js"));

let disk: SimulatedDisk;

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

function open(segmentBytes = 4_096): LogStore {
  return new LogStore(LOG, { segmentBytes });
}

/** All that is to be known of a log. */
interface Model {
  readonly hardState: HardState;
  readonly start: LogPosition;
  readonly entries: readonly LogEntry[];
}

function modelOf(log: LogStore): Model {
  const start = log.start();
  const entries =
    log.lastIndex() === start.index
      ? []
      : log.entries(start.index + 1, log.lastIndex(), Number.MAX_SAFE_INTEGER);
  expect(log.bytes).toBe(entries.reduce((sum, { data }) => sum + data.length, 0));
  expect(entries.map(({ index }) => log.term(index))).toEqual(entries.map(({ term }) => term));
  expect(log.configurations().map(({ index }) => index)).toEqual(
    entries.filter(({ kind }) => kind === "configuration").map(({ index }) => index),
  );
  return {
    hardState: log.hardState(),
    start,
    entries: entries.map((each) => ({ ...each, data: Uint8Array.from(each.data) })),
  };
}

/** One change of a log, and what the log is to be afterwards. */
interface Change {
  readonly model: Model;
  make(log: LogStore): void;
}

function drawChange(model: Model, random: Random): Change {
  const { start, entries, hardState } = model;
  const last = start.index + entries.length;
  const drawn = random.next();
  if (drawn < 0.75) {
    const term = hardState.term + (random.chance(0.2) ? 1 : 0);
    const from = random.chance(0.8) ? last + 1 : random.integer(start.index + 1, last + 1);
    const bytes = random.pick([0, 8, 60, 700, 1_600]);
    const added = Array.from({ length: random.integer(0, 4) }, (_, at): LogEntry => {
      const data = new Uint8Array(bytes).fill(random.pick([0, 0, 1, random.integer(0, 255)]));
      return { index: from + at, term, kind: random.pick(["noop", "commands", "configuration"]), data };
    });
    const written = random.chance(0.4) ? { term, vote: random.integer(0, 3) } : undefined;
    const kept = added.length === 0 ? entries : [...entries.slice(0, from - start.index - 1), ...added];
    return {
      model: { start, hardState: written ?? hardState, entries: kept },
      make: (log) => log.write(written, added),
    };
  }
  if (drawn < 0.95) {
    const to = random.integer(start.index, last);
    const cut = entries[to - start.index - 1];
    const position = cut === undefined ? start : { index: cut.index, term: cut.term };
    return {
      model: { hardState, start: position, entries: entries.slice(to - start.index) },
      make: (log) => {
        expect(log.cutTo(to)).toEqual(position);
      },
    };
  }
  const position = { index: random.integer(start.index, last + 5), term: hardState.term };
  return { model: { hardState, start: position, entries: [] }, make: (log) => log.reset(position) };
}

describe.each([1, 2, 3, 4])("the log on a simulated disk, seed %i", (seed) => {
  it("is what was written to it through crashes, torn writes and errors, but for a write that was under way", () => {
    const random = new Random(seed);
    disk = startDisk(seed);
    let log = open();
    let model: Model = { hardState: { term: 0, vote: 0 }, start: { index: 0, term: 0 }, entries: [] };
    const seen = { kept: 0, lost: 0 };
    for (let step = 0; step < 250; step += 1) {
      const change = drawChange(model, random);
      const rate = random.chance(0.2) ? 0.3 : 0;
      disk.faults = faults({
        crashBefore: rate,
        crashUnsynced: rate,
        crashAfter: rate,
        syncError: rate,
        full: rate,
      });
      let failed = false;
      try {
        change.make(log);
      } catch {
        failed = true;
      }
      disk.faults = noFaults;
      if (!failed) model = change.model;
      if (failed || random.chance(0.1)) {
        disk.crash({ power: random.chance(0.5) });
        disk.boot();
        log = open();
        const found = modelOf(log);
        if (failed && isDeepStrictEqual(found, change.model)) {
          model = change.model;
          seen.kept += 1;
        } else if (failed) seen.lost += 1;
        if (!isDeepStrictEqual(found, model)) expect(found).toEqual(model);
        // And nothing of that can be lost any more.
        failPower(disk);
        log = open();
      }
      if (step % 20 === 0) expect(isDeepStrictEqual(modelOf(log), model)).toBe(true);
    }
    expect(modelOf(log)).toEqual(model);
    expect(seen.kept).toBeGreaterThan(3);
    expect(seen.lost).toBeGreaterThan(3);
  });
});

it("tells of writes once, when they become durable", () => {
  const told: [HardState | undefined, number[]][] = [];
  const starts: LogPosition[] = [];
  disk.onLogWrite = (hardState, entries) => told.push([hardState, entries.map(({ index }) => index)]);
  disk.onLogCut = (start) => starts.push(start);
  disk.onLogReset = (position) => starts.push(position);
  const log = open();
  log.write(undefined, [entry(1)]);
  withoutSync(disk, () => log.write({ term: 1, vote: 3 }, [entry(2)]));
  expect(told).toEqual([[undefined, [1]]]);
  disk.crash({ power: false });
  disk.boot();
  const again = open();
  again.write(undefined, [entry(3)]);
  expect(told).toEqual([
    [undefined, [1]],
    [{ term: 1, vote: 3 }, [2]],
    [undefined, [3]],
  ]);
  again.cutTo(2);
  again.reset({ index: 9, term: 1 });
  expect(starts).toEqual([
    { index: 2, term: 1 },
    { index: 9, term: 1 },
  ]);
});

it("is read only when nothing of it can be lost any more", () => {
  for (let seed = 0; seed < 20; seed += 1) {
    disk = startDisk(seed);
    const log = open();
    withoutSync(disk, () => log.write(undefined, [entry(1)]));
    disk.crash({ power: false });
    disk.boot();
    expect(open().lastIndex()).toBe(1);
    failPower(disk);
    expect(open().lastIndex()).toBe(1);
  }
});

it("takes and gives nothing after a write or a sync that failed", () => {
  for (const fault of ["syncError", "full"] as const) {
    disk = startDisk(1);
    const log = open();
    log.write(undefined, [entry(1)]);
    disk.faults = faults({ [fault]: 1 });
    const code = fault === "full" ? "ENOSPC" : "EIO";
    expect(() => log.write(undefined, [entry(2)])).toThrow(expect.objectContaining({ code }) as Error);
    disk.faults = noFaults;
    const refusal = expect.objectContaining({ cause: expect.objectContaining({ code }) }) as Error;
    expect(() => log.write(undefined, [entry(2)])).toThrow(refusal);
    expect(() => log.cutTo(1)).toThrow(refusal);
    expect(() => log.entries(1, 1, 10)).toThrow(refusal);
    log.close();
  }
});

it("is for one process, which the end of the process changes", () => {
  lockDirectory(`${ROOT}/lock`);
  expect(() => lockDirectory(`${ROOT}/lock`)).toThrow("in use by another process");
  disk.crash({ power: false });
  disk.boot();
  const lock = lockDirectory(`${ROOT}/lock`);
  lock.release();
  lockDirectory(`${ROOT}/lock`);
});

it("is refused with a damaged sector, one that is gone, or a shorter file", () => {
  const damaged = (kind: "bits" | "sector" | "end"): void => {
    disk = startDisk(1);
    const log = open();
    log.write(undefined, [entry(1), entry(2)]);
    log.write(undefined, [entry(3)]);
    disk.crash({ power: false });
    const path = disk.logFiles[0]?.path ?? "";
    disk.decay({ kind, path, offset: 512, bits: 1, length: 3_000 });
    disk.boot();
    expect(open).toThrow(CorruptData);
  };
  damaged("bits");
  damaged("sector");
  damaged("end");
});
