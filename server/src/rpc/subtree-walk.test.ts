import { expect, it } from "vitest";
import { bounds } from "../config.js";
import { del, put, TestMachine } from "../state-machine/machine.test-support.js";
import { type SubtreeStat, statSubtree } from "./subtree-walk.js";

function filled(count: number): TestMachine {
  const t = new TestMachine();
  for (let n = 0; n < count; n += 1) t.run(put(`/a/${String(n).padStart(5, "0")}`, "xy"));
  return t;
}

function walk(t: TestMachine, between: (pause: number) => void): unknown {
  let answer: unknown;
  const pauses: (() => void)[] = [];
  statSubtree(
    () => t.machine,
    "/a",
    (outcome) => {
      answer = outcome;
    },
    (next) => pauses.push(next),
  );
  for (let next = pauses.shift(), count = 1; next !== undefined; next = pauses.shift(), count += 1) {
    between(count);
    next();
  }
  return answer;
}

it("counts a subtree little by little, as of one revision whatever happens meanwhile", () => {
  const count = 2 * bounds.statKeysMax + 10;
  const t = filled(count);
  const { revision } = t.machine;
  let pauses = 0;
  const stat = walk(t, (pause) => {
    pauses = pause;
    t.run(put(`/a/new${pause}`));
    t.run(del("/a", { subtree: true }));
    t.run(put("/a/00001", "a longer value"));
  });
  expect(pauses).toBe(2);
  expect(stat).toEqual({ revision, keys: count, bytes: count * 10 } satisfies SubtreeStat);
});

it("begins again at a newer revision when the one it counts at is compacted, but not for ever", () => {
  const t = filled(bounds.statKeysMax + 1);
  const overtake = (): void => {
    t.run(put("/other"));
    t.run({ kind: "compact", revision: t.machine.revision });
  };
  const stat = walk(t, (pause) => {
    if (pause > 2) return;
    t.run(put(`/a/new${pause}`, "xy"));
    overtake();
  });
  const { revision } = t.machine;
  const keys = bounds.statKeysMax + 3;
  expect(stat).toEqual({ revision, keys, bytes: keys * 10 - 2 } satisfies SubtreeStat);
  let pauses = 0;
  const overtaken = walk(t, (pause) => {
    pauses = pause;
    overtake();
  });
  expect(overtaken).toMatchObject({ code: "COMPACTED" });
  expect(pauses).toBe(bounds.statAttemptsMax);
});

it("asks the quota where there is one", () => {
  const t = filled(bounds.statKeysMax + 1);
  t.run({ kind: "quota", key: "/a", keysMax: 1_000_000, bytesMax: 0 });
  const stat = walk(t, () => expect.unreachable("nothing to walk"));
  expect(stat).toMatchObject({ keys: bounds.statKeysMax + 1, bytes: (bounds.statKeysMax + 1) * 10 });
});
