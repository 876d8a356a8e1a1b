import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HardState } from "../../../server/src/raft/index.js";
import { CorruptData, UnusableDataDirectory } from "../../../server/src/storage/errors.js";
import { entry, failPower, LOG, startDisk, withoutSync } from "./disk.test-support.js";
import { LogStore } from "./log-store.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";

let disk: SimulatedDisk;

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

describe("the log on a simulated disk", () => {
  it("survives a power failure with everything that was written to it", () => {
    const log = new LogStore(LOG);
    log.write({ term: 3, vote: 2 }, [entry(1), entry(2, 3), entry(3, 3)]);
    log.cutTo(1);
    failPower(disk);
    const again = new LogStore(LOG);
    expect(again.hardState()).toEqual({ term: 3, vote: 2 });
    expect(again.start()).toEqual({ index: 1, term: 1 });
    expect(again.entries(2, 3, 100)).toEqual([entry(2, 3), entry(3, 3)]);
  });

  it("keeps writes without a sync when the process dies, and at most a prefix of them at a power failure", () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      disk = startDisk(seed, { checkpointsAtOpen: false });
      const log = new LogStore(LOG);
      log.write({ term: 1, vote: 1 }, [entry(1), entry(2)]);
      withoutSync(disk, () => {
        log.write(undefined, [entry(3)]);
        log.write({ term: 2, vote: 0 }, [entry(2, 2)]);
        log.cutTo(1);
        log.reset({ index: 9, term: 2 });
      });
      disk.crash({ power: false });
      disk.boot();
      expect(new LogStore(LOG).start()).toEqual({ index: 9, term: 2 });
      const { log: loss } = disk.crash({ power: true });
      disk.boot();
      const survived = new LogStore(LOG);
      const picture = [survived.start().index, survived.lastIndex(), survived.hardState().term];
      const pictures = [
        [0, 2, 1],
        [0, 3, 1],
        [0, 2, 2],
        [1, 2, 2],
        [9, 9, 2],
      ];
      const at = pictures.findIndex((each) => each.join() === picture.join());
      expect(at).not.toBe(-1);
      expect(loss).toEqual(
        [
          { fromIndex: 2, hardState: true },
          { fromIndex: 2, hardState: true },
          { fromIndex: undefined, hardState: false },
          { fromIndex: undefined, hardState: false },
          undefined,
        ][at],
      );
      lengths.add(at);
    }
    expect(lengths.size).toBe(5);
  });

  it("tells of writes when they become durable, earlier ones with the first that is synced", () => {
    const told: [HardState | undefined, number[]][] = [];
    disk.onLogWrite = (hardState, entries) => told.push([hardState, entries.map(({ index }) => index)]);
    const log = new LogStore(LOG);
    log.write(undefined, [entry(1)]);
    withoutSync(disk, () => log.write({ term: 1, vote: 3 }, [entry(2)]));
    expect(told).toEqual([[undefined, [1]]]);
    log.write(undefined, [entry(3)]);
    expect(told).toEqual([
      [undefined, [1]],
      [{ term: 1, vote: 3 }, [2]],
      [undefined, [3]],
    ]);
  });

  it("can be opened so that nothing is read which a power failure could still take away", () => {
    for (const checkpointsAtOpen of [false, true]) {
      let lost = 0;
      for (let seed = 0; seed < 20; seed += 1) {
        disk = startDisk(seed, { checkpointsAtOpen });
        const log = new LogStore(LOG);
        withoutSync(disk, () => log.write(undefined, [entry(1)]));
        disk.crash({ power: false });
        disk.boot();
        const before = new LogStore(LOG).lastIndex();
        expect(before).toBe(1);
        failPower(disk);
        if (new LogStore(LOG).lastIndex() < before) lost += 1;
      }
      expect(lost > 0).toBe(!checkpointsAtOpen);
    }
  });

  it("admits one process", () => {
    new LogStore(LOG);
    expect(() => new LogStore(LOG)).toThrow(UnusableDataDirectory);
    disk.crash({ power: false });
    disk.boot();
    expect(new LogStore(LOG).lastIndex()).toBe(0);
  });

  it("refuses to open with a damaged entry or a hole", () => {
    const log = new LogStore(LOG);
    log.write(undefined, [entry(1), entry(2), entry(3)]);
    disk.crash({ power: false });
    disk.decay({ kind: "log", index: 2 });
    disk.boot();
    expect(() => new LogStore(LOG)).toThrow(CorruptData);

    disk = startDisk(1);
    const holed = new LogStore(LOG);
    holed.write(undefined, [entry(1)]);
    holed.write(undefined, [entry(3)]);
    holed.close();
    expect(() => new LogStore(LOG)).toThrow("has only 2 of them");
  });
});
