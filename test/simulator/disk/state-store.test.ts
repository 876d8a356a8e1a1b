import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StateMachine } from "../../../server/src/state-machine/index.js";
import { CorruptData } from "../../../server/src/storage/errors.js";
import { newMachine, put, run } from "./commands.test-support.js";
import { failPower, ROOT, STATE, startDisk, syncDirectory, withoutSync } from "./disk.test-support.js";
import { open } from "./file-handles.js";
import { existsSync, openSync, readFileSync, renameSync, writeSync } from "./file-system.js";
import { type SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";
import { StateStore } from "./state-store.js";

let disk: SimulatedDisk;

beforeEach(() => {
  disk = startDisk(1);
});

afterEach(() => setCurrentDisk(undefined));

describe("the state on a simulated disk", () => {
  function stored(keys: number): StateMachine {
    const machine = newMachine();
    const store = StateStore.open(STATE);
    for (let at = 0; at < keys; at += 1) run(machine, put(`/k${at}`, `v${at}`));
    store.write(machine.takeDelta());
    store.close();
    return machine;
  }

  it("goes back to a state that was, never to a part of one", () => {
    const indexes = new Set<number | undefined>();
    for (let seed = 0; seed < 30; seed += 1) {
      disk = startDisk(seed);
      const machine = stored(3);
      const store = StateStore.open(STATE);
      withoutSync(disk, () => {
        for (let at = 0; at < 3; at += 1) {
          run(machine, put("/more", String(at)));
          store.write(machine.takeDelta());
        }
      });
      failPower(disk);
      const survived = StateStore.open(STATE);
      const revision = survived.meta()?.revision;
      expect([...(survived.load()?.changes ?? [])].map(({ seq }) => seq)).toHaveLength(revision ?? 0);
      indexes.add(survived.meta()?.appliedIndex);
    }
    expect([...indexes].sort()).toEqual([3, 4, 5, 6]);
  });

  it("travels: copied, read in pieces, written elsewhere, put in place and opened", async () => {
    const machine = stored(50);
    const store = StateStore.open(STATE);
    await store.backup(`${ROOT}/outgoing.db`);
    const checked = StateStore.open(`${ROOT}/outgoing.db`);
    expect(checked.meta()).toEqual(store.meta());
    checked.close();

    const source = await open(`${ROOT}/outgoing.db`, "r");
    const target = await open(`${ROOT}/incoming.db`, "w", 0o600);
    const { size } = await source.stat();
    for (let offset = 0; offset < size; offset += 1_000) {
      const { buffer, bytesRead } = await source.read(Buffer.alloc(1_000), 0, 1_000, offset);
      await target.writev([buffer.subarray(0, bytesRead)]);
    }
    await target.sync();
    await target.close();
    await source.close();
    store.close();
    renameSync(`${ROOT}/incoming.db`, STATE);
    syncDirectory();
    failPower(disk);

    const installed = StateStore.open(STATE);
    expect(installed.meta()?.hash).toBe(machine.hash);
    expect(existsSync(`${ROOT}/incoming.db`)).toBe(false);
    run(machine, put("/later"));
    installed.write(machine.takeDelta());
    failPower(disk);
    expect(StateStore.open(STATE).meta()?.hash).toBe(machine.hash);
  });

  it("is refused when it was torn or has decayed", async () => {
    stored(20);
    const store = StateStore.open(STATE);
    await store.backup(`${ROOT}/copy.db`);
    const bytes = readFileSync(`${ROOT}/copy.db`);
    const descriptor = openSync(`${ROOT}/torn.db`, "w");
    writeSync(descriptor, bytes.subarray(0, bytes.length - 1));
    expect(() => StateStore.open(`${ROOT}/torn.db`)).toThrow(CorruptData);
    disk.decay({ kind: "bits", path: `${ROOT}/copy.db`, offset: 200, bits: 0xff });
    expect(() => StateStore.open(`${ROOT}/copy.db`)).toThrow(CorruptData);
    store.close();
    disk.decay({ kind: "state" });
    expect(() => StateStore.open(STATE)).toThrow(CorruptData);
    // One that was received is still the bytes it came as.
    const received = openSync(STATE, "w");
    writeSync(received, bytes);
    expect(StateStore.open(STATE).meta()?.appliedIndex).toBe(20);
    disk.decay({ kind: "state" });
    expect(() => StateStore.open(STATE)).toThrow(CorruptData);
  });

  it("is the copy of one moment, though it was written to meanwhile", async () => {
    const machine = stored(5);
    const store = StateStore.open(STATE);
    const copying = store.backup(`${ROOT}/copy.db`);
    run(machine, put("/meanwhile"));
    store.write(machine.takeDelta());
    await copying;
    const afterwards = machine.hash;
    run(machine, put("/too/late"));
    store.write(machine.takeDelta());
    expect(StateStore.open(`${ROOT}/copy.db`).meta()?.hash).toBe(afterwards);
  });
});
