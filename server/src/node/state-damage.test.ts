import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { StateMachine } from "../state-machine/index.js";
import { put } from "../state-machine/machine.test-support.js";
import { openDataDirectory } from "../storage/data-directory.js";
import { LogStore } from "../storage/log/log-store.js";
import { alignLog } from "./log-alignment.js";
import { StateKeeper } from "./state-keeper.js";

const ENTRIES = 60;
/** Bytes of a frame of SQLite's write-ahead log before its page, and of the file before its first frame. */
const FRAME_HEADER_BYTES = 24;
const WAL_HEADER_BYTES = 32;
const PAGE_BYTES = 8_192;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-state-damage-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function apply(machine: StateMachine, index: number): void {
  const body = put(`/k${index % 9}`, `value ${index}`);
  const command = { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body };
  machine.apply(index, 1, [command]);
}

/** The data of a node that was killed: its log is cut as far as may be, and its state was written again and again. */
function killedNode(): { readonly path: string; readonly hash: StateMachine["hash"] } {
  const live = join(folder, "live");
  const directory = openDataDirectory(live);
  const identity = {
    clusterId: 1,
    memberId: 1,
    name: "n1",
    incarnation: "aa",
    starts: 1,
    nonces: [],
    founders: [],
  };
  directory.identityFile.write({ ...identity, standing: "formed" });
  const log = new LogStore(directory.logFolder, { segmentBytes: 8_192 });
  const state = new StateKeeper(directory, () => undefined);
  for (let index = 1; index <= ENTRIES; index += 1) {
    log.write({ term: 1, vote: 1 }, [{ index, term: 1, kind: "commands", data: Uint8Array.of(index) }]);
    apply(state.machine, index);
    if (index % 10 === 5) state.flush();
    // Behind the durable state, as upkeep does; the last one leaves some entries that the state has.
    if (index === 30) log.cutTo(state.durableIndex);
    if (index === 50) log.cutTo(state.durableIndex - 10);
  }
  const path = join(folder, "killed");
  cpSync(live, path, { recursive: true, filter: (source) => basename(source) !== "state.db-shm" });
  const { hash } = state.machine;
  state.close();
  log.close();
  return { path, hash };
}

/** Starts on the data, and applies what the log holds beyond the state. */
function start(path: string): StateMachine {
  const directory = openDataDirectory(path);
  const log = new LogStore(directory.logFolder, { segmentBytes: 8_192 });
  try {
    const state = new StateKeeper(directory, () => undefined);
    try {
      alignLog(log, state.machine);
      const { machine } = state;
      for (let index = machine.appliedIndex + 1; index <= log.lastIndex(); index += 1) {
        expect(log.entries(index, index, 1)[0]?.data[0]).toBe(index);
        apply(machine, index);
      }
      return machine;
    } finally {
      state.close();
    }
  } finally {
    log.close();
  }
}

it("whatever bit turns in the write-ahead log of the state, a node refuses to start or has everything", () => {
  const { path, hash } = killedNode();
  const wal = readFileSync(join(path, "state.db-wal"));
  const frames = Math.floor((wal.length - WAL_HEADER_BYTES) / (FRAME_HEADER_BYTES + PAGE_BYTES));
  expect(frames).toBeGreaterThan(6);
  const places = [0, 4, 12, 16, 24, 30];
  for (let frame = 0; frame < frames; frame += 1) {
    const at = WAL_HEADER_BYTES + frame * (FRAME_HEADER_BYTES + PAGE_BYTES);
    places.push(at + 1 + 4 * (frame % 5), at + FRAME_HEADER_BYTES + 61 * frame);
  }
  const seen = { refused: 0, whole: 0 };
  for (const [trial, place] of places.entries()) {
    const copy = join(folder, `trial-${trial}`);
    cpSync(path, copy, { recursive: true });
    const damaged = Buffer.from(wal);
    damaged.writeUInt8(damaged.readUInt8(place) ^ 0x04, place);
    writeFileSync(join(copy, "state.db-wal"), damaged);
    let machine: StateMachine | undefined;
    try {
      machine = start(copy);
    } catch (error) {
      expect(String(error)).toMatch(/a part of the (?:data|log) is missing|is damaged/);
      seen.refused += 1;
    }
    if (machine !== undefined) {
      expect([machine.appliedIndex, machine.hash], `byte ${place}`).toEqual([ENTRIES, hash]);
      seen.whole += 1;
    }
    rmSync(copy, { recursive: true });
  }
  expect(seen.refused).toBeGreaterThan(3);
  expect(seen.whole).toBeGreaterThan(3);
});
