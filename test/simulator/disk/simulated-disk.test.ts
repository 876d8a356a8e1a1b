import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { entry, failPower, faults, LOG, ROOT, STATE, startDisk } from "./disk.test-support.js";
import { type CrashPoint, noFaults, SimulatedCrash } from "./disk-faults.js";
import { open } from "./file-handles.js";
import { existsSync, openSync, rmSync, writeSync } from "./file-system.js";
import { LogStore } from "./log-store.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";
import { StateStore } from "./state-store.js";

let disk: SimulatedDisk;

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

describe("a crash point", () => {
  it.each([
    ["before", "crashBefore", 1, [1]],
    ["unsynced", "crashUnsynced", 2, [1, 2]],
    ["after", "crashAfter", 2, [2]],
  ] as const)("of kind %s leaves what had happened by then", (point, rate, seen, afterPowerFailure) => {
    const found = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      // Without the checkpoint, the next process trusts what only the page cache holds.
      disk = startDisk(seed, { checkpointsAtOpen: false });
      const told: CrashPoint[] = [];
      disk.onCrash = (each) => told.push(each);
      const log = new LogStore(LOG);
      log.write(undefined, [entry(1)]);
      disk.faults = faults({ [rate]: 1 });
      expect(() => log.write(undefined, [entry(2)])).toThrow(SimulatedCrash);
      expect(told).toEqual([point]);
      disk.faults = noFaults;
      disk.boot();
      expect(new LogStore(LOG).lastIndex()).toBe(seen);
      failPower(disk);
      found.add(new LogStore(LOG).lastIndex());
    }
    expect([...found].sort()).toEqual(afterPowerFailure);
  });

  it("leaves a process that can do nothing more, also when the next one runs", async () => {
    const log = new LogStore(LOG);
    const state = StateStore.open(STATE);
    const descriptor = openSync(`${ROOT}/plain`, "w");
    const handle = await open(`${ROOT}/other`, "w");
    const copying = expect(state.backup(`${ROOT}/copy.db`)).rejects.toThrow(SimulatedCrash);
    disk.faults = faults({ crashAfter: 1 });
    expect(() => log.write(undefined, [entry(1)])).toThrow(SimulatedCrash);
    for (const again of [false, true]) {
      if (again) disk.boot();
      expect(() => log.write(undefined, [entry(2)])).toThrow(SimulatedCrash);
      expect(() => log.entries(1, 1, 10)).toThrow(SimulatedCrash);
      expect(() => log.close()).toThrow(SimulatedCrash);
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
    const log = new LogStore(LOG);
    disk.faults = faults({ full: 1 });
    expect(() => log.write(undefined, [entry(1)])).toThrow(
      expect.objectContaining({ code: "SQLITE_FULL" }) as Error,
    );
    expect(() => openSync(`${ROOT}/file`, "w")).toThrow(expect.objectContaining({ code: "ENOSPC" }) as Error);
    expect(() => rmSync(LOG)).not.toThrow();
    disk.faults = noFaults;
    log.write(undefined, [entry(1)]);
    expect(log.lastIndex()).toBe(1);
  });

  it("never makes durable what a sync failed for, even if later syncs succeed", () => {
    let lost = 0;
    for (let seed = 0; seed < 30; seed += 1) {
      disk = startDisk(seed);
      const log = new LogStore(LOG);
      log.write(undefined, [entry(1)]);
      disk.faults = faults({ syncError: 1 });
      expect(() => log.write(undefined, [entry(2)])).toThrow(
        expect.objectContaining({ code: "SQLITE_IOERR_FSYNC" }) as Error,
      );
      disk.faults = noFaults;
      const took = disk.log()?.entries.length === 2;
      if (!took) continue;
      log.write(undefined, [entry(3)]);
      failPower(disk);
      const last = new LogStore(LOG).lastIndex();
      expect([1, 3]).toContain(last);
      if (last === 1) lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });

  it("that lies about syncs loses acknowledged writes, and an honest one never does", () => {
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
  const survived = new LogStore(LOG);
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
