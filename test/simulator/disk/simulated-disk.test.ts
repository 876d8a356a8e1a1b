import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CorruptData } from "../../../server/src/storage/errors.js";
import { LogStore as RealLogStore } from "../../../server/src/storage/log/log-store.js";
import { newMachine, put, run } from "./commands.test-support.js";
import { entry, failPower, faults, LOG, ROOT, STATE, startDisk, syncDirectory } from "./disk.test-support.js";
import { type CrashPoint, noFaults, SimulatedCrash } from "./disk-faults.js";
import { open } from "./file-handles.js";
import { existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "./file-system.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";
import { StateStore } from "./state-store.js";

vi.mock("node:fs", () => import("./file-system.js"));
vi.mock("node:fs/promises", () => import("./file-handles.js"));

let disk: SimulatedDisk;

/** With segments of a few writes. */
class LogStore extends RealLogStore {
  constructor(path: string) {
    super(path, { segmentBytes: 4_096 });
  }
}

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

describe("a crash point", () => {
  it("may be before or after a write, or after its sync, and leaves what had happened by then", () => {
    for (const rate of ["crashBefore", "crashUnsynced", "crashAfter"] as const) {
      const found = new Set<number>();
      for (let seed = 0; seed < 40; seed += 1) {
        disk = startDisk(seed);
        const told: CrashPoint[] = [];
        disk.onCrash = (each) => told.push(each);
        const log = new LogStore(LOG);
        log.write(undefined, [entry(1)]);
        disk.faults = faults({ [rate]: 0.5 });
        // Of a write or of its sync, or of neither.
        try {
          log.write(undefined, [entry(2)]);
        } catch (error) {
          expect(error).toBeInstanceOf(SimulatedCrash);
        }
        disk.faults = noFaults;
        const acknowledged = told.length === 0;
        failPower(disk);
        const last = new LogStore(LOG).lastIndex();
        if (acknowledged) expect(last).toBe(2);
        else found.add(last);
      }
      expect([...found].sort(), rate).toEqual([1, 2]);
    }
  });

  it("leaves a process that can do nothing more, also when the next one runs", async () => {
    const log = new LogStore(LOG);
    const state = StateStore.open(STATE);
    const descriptor = openSync(`${ROOT}/plain`, "w");
    const handle = await open(`${ROOT}/other`, "w");
    const copying = expect(state.backup(`${ROOT}/copy.db`)).rejects.toThrow(SimulatedCrash);
    disk.faults = faults({ crashAfter: 1 });
    expect(() => log.write(undefined, [entry(1)])).toThrow(SimulatedCrash);
    const dead = expect.objectContaining({ cause: expect.any(SimulatedCrash) as Error }) as Error;
    for (const again of [false, true]) {
      if (again) disk.boot();
      expect(() => log.write(undefined, [entry(2)])).toThrow(dead);
      expect(() => log.entries(1, 1, 10)).toThrow(dead);
      expect(() => state.meta()).toThrow(SimulatedCrash);
      expect(() => writeSync(descriptor, "x")).toThrow();
      if (!again) expect(() => existsSync(LOG)).toThrow(SimulatedCrash);
      await expect(handle.sync()).rejects.toThrow(SimulatedCrash);
    }
    await copying;
  });
});

describe("a failing disk", () => {
  it("that is full takes nothing, says so, and has room again later", () => {
    const machine = newMachine();
    const state = StateStore.open(STATE);
    run(machine, put("/a"));
    const delta = machine.takeDelta();
    disk.faults = faults({ full: 1 });
    expect(() => state.write(delta)).toThrow(expect.objectContaining({ code: "SQLITE_FULL" }) as Error);
    expect(() => openSync(`${ROOT}/file`, "w")).toThrow(expect.objectContaining({ code: "ENOSPC" }) as Error);
    disk.faults = noFaults;
    state.write(delta);
    expect(state.meta()?.appliedIndex).toBe(1);
    disk.faults = faults({ full: 1 });
    expect(() => rmSync(STATE)).not.toThrow();
  });

  it("never makes durable what a sync failed for, even if later syncs succeed", () => {
    let lost = 0;
    for (let seed = 0; seed < 30; seed += 1) {
      disk = startDisk(seed);
      const descriptor = openSync(`${ROOT}/file`, "w");
      writeSync(descriptor, "a");
      fsyncSync(descriptor);
      syncDirectory();
      writeSync(descriptor, "b");
      disk.faults = faults({ syncError: 1 });
      expect(() => fsyncSync(descriptor)).toThrow(expect.objectContaining({ code: "EIO" }) as Error);
      disk.faults = noFaults;
      fsyncSync(descriptor);
      failPower(disk);
      const left = readFileSync(`${ROOT}/file`, "utf8");
      expect(["a", "ab"]).toContain(left);
      if (left === "a") lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });

  it("that lies about syncs loses acknowledged writes, or is found out; an honest one never does", () => {
    const lostBy = (liesAboutSync: boolean): number => {
      let lost = 0;
      for (let seed = 0; seed < 60; seed += 1) lost += acknowledgedAndLost(seed, liesAboutSync);
      return lost;
    };
    expect(lostBy(false)).toBe(0);
    expect(lostBy(true)).toBeGreaterThan(10);
  });

  it("takes its time, which is told once", () => {
    const log = new LogStore(LOG);
    disk.faults = faults({ slow: 1, slowMsMax: 100 });
    for (let index = 1; index <= 5; index += 1) log.write(undefined, [entry(index)]);
    const latencyMs = disk.takeLatencyMs();
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThan(500);
    expect(disk.takeLatencyMs()).toBe(0);
  });
});

/** Writes until the process dies of some fault; returns how many acknowledged entries a power failure took. */
function acknowledgedAndLost(seed: number, liesAboutSync: boolean): number {
  disk = startDisk(seed);
  const log = new LogStore(LOG);
  disk.faults = faults({
    crashBefore: 0.02,
    crashUnsynced: 0.02,
    crashAfter: 0.02,
    syncError: 0.02,
    full: 0.01,
    liesAboutSync,
  });
  let acknowledged = 0;
  try {
    for (let index = 1; index < 500; index += 1) {
      log.write({ term: index, vote: 1 }, [entry(index)]);
      acknowledged = index;
    }
  } catch {
    // Any fault ends the process.
  }
  disk.faults = noFaults;
  failPower(disk);
  let survived: LogStore;
  try {
    survived = new LogStore(LOG);
  } catch (error) {
    // A write that is missing before one that is there shows.
    if (error instanceof CorruptData) return 1;
    throw error;
  }
  expect(survived.hardState().term).toBe(survived.lastIndex());
  return Math.max(0, acknowledged - survived.lastIndex());
}

it("does the same again for the same seed", () => {
  const history = (seed: number): string => {
    const told: string[] = [];
    disk = startDisk(seed);
    disk.onLogWrite = (_, entries) => told.push(entries.map(({ index }) => index).join());
    disk.onCrash = (point) => told.push(point);
    for (let boot = 0; boot < 20; boot += 1) {
      acknowledge(told);
      told.push(JSON.stringify(disk.crash({ power: boot % 2 === 0 })));
      disk.boot();
    }
    return told.join(" ");
  };
  expect(history(7)).toBe(history(7));
  expect(history(7)).not.toBe(history(8));
});

function acknowledge(told: string[]): void {
  disk.faults = faults({ crashBefore: 0.05, crashUnsynced: 0.1, syncError: 0.1, slow: 0.2, slowMsMax: 10 });
  try {
    const log = new LogStore(LOG);
    for (let count = 0; count < 30; count += 1) log.write(undefined, [entry(log.lastIndex() + 1)]);
  } catch (error) {
    told.push(String(error));
  }
}
