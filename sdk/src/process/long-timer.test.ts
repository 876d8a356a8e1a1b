import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { after } from "./long-timer.js";

const dayMs = 24 * 60 * 60 * 1_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("calls back after longer than a timer can wait, once", () => {
  const called = vi.fn();
  after(60 * dayMs, called);
  vi.advanceTimersByTime(60 * dayMs - 1);
  expect(called).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(called).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

it("never calls back for Infinity, nor once it is cancelled, and holds no timer then", () => {
  const called = vi.fn();
  after(Number.POSITIVE_INFINITY, called);
  expect(vi.getTimerCount()).toBe(0);
  const timer = after(60 * dayMs, called);
  vi.advanceTimersByTime(40 * dayMs);
  timer.cancel();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60 * dayMs);
  expect(called).not.toHaveBeenCalled();
});
