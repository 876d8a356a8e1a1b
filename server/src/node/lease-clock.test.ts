import { expect, test } from "vitest";
import { LeaseClock } from "./lease-clock.js";

const lease = { id: 1, ttlMs: 1_000 };

function started(): LeaseClock {
  const clock = new LeaseClock(500);
  clock.start([lease], 0, 3);
  return clock;
}

/** Ticks every 100 ms from `fromMs` to `toMs` and returns what ran out. */
function run(clock: LeaseClock, fromMs: number, toMs: number): number[] {
  const due: number[] = [];
  for (let now = fromMs; now <= toMs; now += 100) due.push(...clock.tick(now));
  return due;
}

test("a lease runs out after its full time and is named once", () => {
  const clock = started();
  expect(run(clock, 100, 900)).toEqual([]);
  expect(run(clock, 1_000, 2_000)).toEqual([1]);
});

test("a renewal gives the full time again", () => {
  const clock = started();
  run(clock, 100, 900);
  expect(clock.renew(1, 900)).toBe(1_000);
  expect(run(clock, 1_000, 1_800)).toEqual([]);
  expect(run(clock, 1_900, 2_000)).toEqual([1]);
});

test("a keepalive after the expiry was proposed does not succeed", () => {
  const clock = started();
  run(clock, 100, 1_000);
  expect(clock.renew(1, 1_010)).toBe(0);
});

test("a leader that stood still first hears what piled up", () => {
  const clock = started();
  run(clock, 100, 400);
  expect(clock.tick(5_000)).toEqual([]);
  expect(clock.renew(1, 5_050)).toBe(1_000);
  expect(run(clock, 5_100, 5_900)).toEqual([]);
});

test("nothing runs out on a node that does not lead", () => {
  const clock = started();
  clock.stop();
  expect(run(clock, 100, 5_000)).toEqual([]);
});

test("a new leader gives every lease its full time", () => {
  const clock = started();
  run(clock, 100, 900);
  clock.stop();
  clock.start([lease], 900, 4);
  expect(run(clock, 1_000, 1_800)).toEqual([]);
  expect(clock.term).toBe(4);
});

test("lets a lease be renewed again only when its expiry is certainly not in the log", () => {
  const clock = new LeaseClock(500);
  clock.start([{ id: 1, ttlMs: 1_000 }], 0, 1);
  for (const nowMs of [450, 900]) expect(clock.tick(nowMs)).toEqual([]);
  expect(clock.tick(1_050)).toEqual([1]);
  expect(clock.renew(1, 1_060)).toBe(0);
  // Nobody knows what became of the proposal: it is made again, and a keepalive is still refused.
  clock.retry([1], false);
  expect(clock.renew(1, 1_070)).toBe(0);
  expect(clock.tick(1_100)).toEqual([1]);
  clock.retry([1], true);
  expect(clock.renew(1, 1_110)).toBe(1_000);
});
