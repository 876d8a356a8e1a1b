import { expect, test } from "vitest";
import { cutIndex } from "./log-retention.js";

/** A log in which each of the entries 1 to `last` has 100 bytes. */
const logTo = (last: number) => ({
  startKeeping: (bytesMax: number) => Math.max(0, last - Math.floor(bytesMax / 100)),
});
const retention = { logEntriesKept: 100, logBytesKept: 1_000_000 };
const notHeld = Number.POSITIVE_INFINITY;

test("so many entries are kept behind the durable state", () => {
  expect(cutIndex(logTo(1_000), { durableIndex: 950, heldIndex: notHeld }, retention)).toBe(850);
});

test("the log is kept behind a snapshot on its way, up to ten times as long as usual", () => {
  const many = { logEntriesKept: 50_000, logBytesKept: 100_000_000 };
  const durableIndex = 899_950;
  expect(cutIndex(logTo(900_000), { durableIndex, heldIndex: 500_000 }, many)).toBe(500_000);
  expect(cutIndex(logTo(900_000), { durableIndex, heldIndex: 300_000 }, many)).toBe(399_950);
});

test("few entries kept are no reason to overtake a snapshot on its way", () => {
  const roomy = { ...retention, logBytesKept: 100_000_000 };
  expect(cutIndex(logTo(9_000), { durableIndex: 8_950, heldIndex: 300 }, roomy)).toBe(300);
  expect(cutIndex(logTo(900_000), { durableIndex: 899_950, heldIndex: 300 }, roomy)).toBe(699_950);
});

test("large entries are cut by their bytes, also behind a snapshot on its way", () => {
  const bytesKept = { ...retention, logBytesKept: 2_000 };
  expect(cutIndex(logTo(1_000), { durableIndex: 1_000, heldIndex: notHeld }, bytesKept)).toBe(980);
  expect(cutIndex(logTo(1_000), { durableIndex: 1_000, heldIndex: 300 }, bytesKept)).toBe(980);
});

test("what is not durable in the state stays in the log, however many bytes it has", () => {
  const nothing = { logEntriesKept: 100, logBytesKept: 0 };
  expect(cutIndex(logTo(1_000), { durableIndex: 950, heldIndex: notHeld }, nothing)).toBe(950);
});
