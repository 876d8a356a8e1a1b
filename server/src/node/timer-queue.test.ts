import { expect, test } from "vitest";
import { type Queued, TimerQueue } from "./timer-queue.js";

test("items come out in the order of their times, whatever was put in and taken out between", () => {
  const queue = new TimerQueue<Queued>();
  const queued = new Set<Queued>();
  // A fixed sequence without pattern.
  let state = 12_345;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < 5_000; i++) {
    if (queued.size > 0 && random(3) === 0) {
      const item = [...queued][random(queued.size)];
      if (item === undefined) continue;
      queue.remove(item);
      queue.remove(item);
      queued.delete(item);
    } else {
      const item = { dueMs: random(500), at: -1 };
      queue.push(item);
      queued.add(item);
    }
    expect(queue.size).toBe(queued.size);
  }
  const expected = [...queued].map(({ dueMs }) => dueMs).sort((a, b) => a - b);
  const found: number[] = [];
  for (let item = queue.first; item !== undefined; item = queue.first) {
    found.push(item.dueMs);
    queue.remove(item);
  }
  expect(found).toEqual(expected);
  expect(expected.length).toBeGreaterThan(500);
});
