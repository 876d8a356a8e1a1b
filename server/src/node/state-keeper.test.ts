import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { bounds } from "../config.js";
import { put } from "../state-machine/machine.test-support.js";
import { type DataDirectory, openDataDirectory } from "../storage/data-directory.js";
import { StateKeeper } from "./state-keeper.js";

let dir: string;
let directory: DataDirectory;
let state: StateKeeper;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-state-"));
  directory = openDataDirectory(dir);
  state = new StateKeeper(directory, () => undefined);
});

afterEach(() => {
  state.close();
  rmSync(dir, { recursive: true, force: true });
});

it("gives other work its turns while it checks a large state", async () => {
  const changes = 3 * bounds.snapshotVerifiedChangesMax + 1;
  const commands = Array.from({ length: changes }, (_, at) => ({
    sessionId: 0,
    sequence: 0,
    lowestPending: 0,
    fence: undefined,
    body: put(`key-${at}`, "v"),
  }));
  state.machine.apply(1, 1, commands);
  await state.copyTo(directory.incomingFile);
  let turns = 0;
  let checking = true;
  const work = (): void => {
    turns += 1;
    if (checking) setImmediate(work);
  };
  setImmediate(work);
  const verified = await state.verify(directory.incomingFile);
  checking = false;
  expect(turns).toBeGreaterThanOrEqual(3);
  expect(verified.hash).toBe(state.machine.hash);
});

it("refuses a file that holds no state", async () => {
  await expect(state.verify(directory.incomingFile)).rejects.toThrow("holds no state");
});
