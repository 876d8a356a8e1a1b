import { beforeEach, expect, it } from "vitest";
import { bounds } from "../config.js";
import type { CommandBody } from "../state-machine/index.js";
import { del, put, TestMachine } from "../state-machine/machine.test-support.js";
import { Upkeep } from "./upkeep.js";

const spaceBytesMax = 1_000;
const position = { index: 0, term: 0 };

/** What a leader handed to the cluster, and how it is told that this was applied or is lost. */
let submitted: { body: CommandBody; ended: () => void }[];
let t: TestMachine;

beforeEach(() => {
  submitted = [];
  t = new TestMachine();
  // What a leader proposes once is in the log already.
  t.run({ kind: "limits", spaceBytesMax, sessionResultBytesMax: bounds.sessionResultBytesMax });
  t.run({ kind: "historyId", id: "aa" });
});

/** The upkeep of a node that leads. */
function leader(): Upkeep {
  return new Upkeep({
    options: {
      ...{ spaceBytesMax, historyRevisionsKept: 1_000, historyKeptMs: 0 },
      ...{ logEntriesKept: 1_000, logBytesKept: 1_000_000 },
    },
    raft: { leadsUpToDate: true, cut: () => undefined },
    log: { start: () => position, startKeeping: () => 0, cutTo: () => position },
    state: {
      get machine() {
        return t.machine;
      },
      durableIndex: 0,
      flush: () => undefined,
      flushDue: false,
    },
    sender: { heldIndex: 0, logStartsAt: () => undefined, tick: () => undefined },
    understood: () => true,
    submit: (body, ended) => submitted.push({ body, ended }),
  });
}

/** A put of something large that history keeps out, of which there is little. */
function refuseForHistory(): void {
  t.run(put("/a", "v".repeat(300)));
  t.run(put("/b", "v".repeat(100)));
  t.run(del("/b"));
  expect(t.run(put("/c", "v".repeat(400)))).toMatchObject({ code: "SPACE_EXCEEDED" });
}

const proposed = (): CommandBody[] => submitted.map(({ body }) => body);

it("proposes again, with the next interval, a compaction for want of space that was lost", () => {
  refuseForHistory();
  const upkeep = leader();
  upkeep.tick(0);
  upkeep.tick(bounds.flushIntervalMs);
  expect(proposed()).toEqual([{ kind: "compact", revision: 3 }]);
  submitted[0]?.ended();
  upkeep.tick(bounds.flushIntervalMs + 1);
  expect(submitted).toHaveLength(1);
  upkeep.tick(2 * bounds.flushIntervalMs);
  expect(proposed()[1]).toEqual({ kind: "compact", revision: 3 });
  t.run({ kind: "compact", revision: 3 });
  submitted[1]?.ended();
  t.run(put("/d"));
  upkeep.tick(3 * bounds.flushIntervalMs);
  expect(submitted).toHaveLength(2);
});

it("proposes none at a new leader for a refusal that was compacted for under another one", () => {
  refuseForHistory();
  t.run({ kind: "compact", revision: 3 });
  t.run(put("/d"));
  leader().tick(0);
  expect(submitted).toEqual([]);
});

it("proposes none when a snapshot that was installed since knows of no refusal", () => {
  const upkeep = leader();
  refuseForHistory();
  upkeep.tick(0);
  t.run({ kind: "compact", revision: 3 });
  submitted[0]?.ended();
  t.run(put("/d"));
  t.flush();
  t.restart();
  upkeep.leaderChanged();
  upkeep.tick(bounds.flushIntervalMs);
  expect(submitted).toHaveLength(1);
});
