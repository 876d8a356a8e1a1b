import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StateKeeper } from "../../../server/src/node/state-keeper.js";
import { type DataDirectory, openDataDirectory } from "../../../server/src/storage/data-directory.js";
import { writeDurably } from "../../../server/src/storage/durable-file.js";
import { Random } from "../world/random.js";
import { put, run } from "./commands.test-support.js";
import { noFaults } from "./disk-faults.js";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "./file-system.js";
import { SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";

vi.mock("node:fs", () => import("./file-system.js"));
vi.mock("../../../server/src/storage/state-store.js", () => import("./state-store.js"));

const ROOT = "/simulated/n1";

let disk: SimulatedDisk;

beforeEach(() => {
  disk = new SimulatedDisk({ root: ROOT, random: new Random(5).next });
  disk.boot();
  setCurrentDisk(disk);
});

afterEach(() => setCurrentDisk(undefined));

function failPower(): void {
  disk.crash({ power: true });
  disk.boot();
}

function writeKeys(keeper: StateKeeper, count: number): void {
  for (let at = 0; at < count; at += 1) run(keeper.machine, put(`/k${at}`, String(at)));
}

describe("the server's own storage code on a simulated disk", () => {
  it("writes small files so that a power failure leaves the old one or the new one", () => {
    openDataDirectory(ROOT);
    for (const text of ["one", "two"]) {
      writeDurably(`${ROOT}/peers.json`, text);
      failPower();
      expect(readFileSync(`${ROOT}/peers.json`, "utf8")).toBe(text);
    }
  });

  it("finds the state again that it flushed, and not what it had only applied", () => {
    const directory = openDataDirectory(ROOT);
    const keeper = new StateKeeper(directory, () => undefined);
    writeKeys(keeper, 5);
    keeper.flush();
    const { hash } = keeper.machine;
    writeKeys(keeper, 5);
    failPower();
    const again = new StateKeeper(directory, () => undefined);
    expect(again.machine.appliedIndex).toBe(5);
    expect(again.machine.hash).toBe(hash);
  });

  it("installs a copy of another state, whatever the moment at which the machine fails afterwards", async () => {
    const directory: DataDirectory = openDataDirectory(ROOT);
    const keeper = new StateKeeper(directory, () => undefined);
    writeKeys(keeper, 7);
    await keeper.copyTo(directory.incomingFile);
    const { hash } = keeper.machine;
    writeKeys(keeper, 7);
    keeper.flush();
    keeper.install(directory.incomingFile, await keeper.verify(directory.incomingFile));
    expect(keeper.machine.hash).toBe(hash);
    failPower();
    expect(new StateKeeper(directory, () => undefined).machine.hash).toBe(hash);
  });

  it("keeps what it found in its directory, even if the process before it died before it could sync that", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      openDataDirectory(ROOT);
      writeDurably(`${ROOT}/peers.json`, "one");
      const descriptor = openSync(`${ROOT}/peers.json.new`, "w");
      writeSync(descriptor, "two");
      fsyncSync(descriptor);
      closeSync(descriptor);
      renameSync(`${ROOT}/peers.json.new`, `${ROOT}/peers.json`);
      disk.crash({ power: false });
      disk.boot();
      openDataDirectory(ROOT);
      expect(readFileSync(`${ROOT}/peers.json`, "utf8")).toBe("two");
      failPower();
      expect(readFileSync(`${ROOT}/peers.json`, "utf8")).toBe("two");
    }
  });

  it("writes nothing after a write of the state that failed, even if whoever asked for it went on", async () => {
    const directory = openDataDirectory(ROOT);
    const keeper = new StateKeeper(directory, () => undefined);
    writeKeys(keeper, 3);
    disk.faults = { ...noFaults, full: 1 };
    await expect(keeper.copyTo(directory.outgoingFile)).rejects.toThrow("disk is full");
    disk.faults = noFaults;
    writeKeys(keeper, 3);
    expect(() => keeper.flush()).toThrow("disk is full");
    keeper.close();
    expect(new StateKeeper(directory, () => undefined).machine.appliedIndex).toBe(0);
  });
});
