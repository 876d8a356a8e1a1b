import { expect, it } from "vitest";
import { type Change, sequentialKey } from "../../../server/src/state-machine/index.js";
import { tripped } from "./hand-made-run.test-support.js";
import { OwnershipQueues } from "./ownership-queue.js";

function created(revision: number): Change {
  const key = sequentialKey("/lock", revision);
  const times = { createRevision: revision, modRevision: revision, version: 1 };
  const entry = { key, value: new Uint8Array(), lease: 0, ...times };
  return { seq: revision, revision, key, entry, previous: undefined };
}

function deleted(revision: number): Change {
  const { entry: previous, ...change } = created(revision);
  return { ...change, entry: undefined, previous };
}

it("trips when ownership goes back to an earlier token", () => {
  const queues = new OwnershipQueues(new Map());
  queues.follow("/lock", 0);
  queues.changed([created(5)], 1);
  queues.changed([deleted(5)], 2);
  expect(queues.owner("/lock", 5)).toEqual({ token: 5, sinceMs: 1, untilMs: 2 });
  expect(tripped(() => queues.changed([created(4)], 3))).toBe("MUTEX");
});
