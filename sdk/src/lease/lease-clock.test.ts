import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LeaseClock } from "./lease-clock.js";

describe("a lease clock", () => {
  let nowMs = 0;
  const lapses = vi.fn();
  const clock = (): LeaseClock => new LeaseClock(0, 100, lapses, () => nowMs);

  beforeEach(() => {
    vi.useFakeTimers();
    nowMs = 0;
    lapses.mockClear();
  });
  afterEach(() => vi.useRealTimers());

  const pass = (ms: number): void => {
    nowMs += ms;
    vi.advanceTimersByTime(ms);
  };

  it("lapses a TTL after the last answered keepalive was sent", () => {
    const lease = clock();
    pass(90);
    lease.renew(50, 100);
    pass(59);
    expect(lease.lapsed).toBe(false);
    pass(1);
    expect(lease.lapsed).toBe(true);
    expect(lapses).toHaveBeenCalledTimes(1);
    lease.stop();
  });

  it("notices a lapse when asked, before its timer ran", () => {
    const lease = clock();
    nowMs = 100;
    expect(lease.lapsed).toBe(true);
    expect(lapses).toHaveBeenCalledTimes(1);
    lease.stop();
    expect(lapses).toHaveBeenCalledTimes(1);
  });

  it("tells of the gap even when a late answer closes it", () => {
    const lease = clock();
    nowMs = 120;
    lease.renew(90, 100);
    expect(lapses).toHaveBeenCalledTimes(1);
    expect(lease.lapsed).toBe(false);
    lease.stop();
    expect(lapses).toHaveBeenCalledTimes(2);
  });

  it("does not go back for an answer to an older keepalive", () => {
    const lease = clock();
    lease.renew(50, 100);
    lease.renew(20, 100);
    pass(149);
    expect(lease.lapsed).toBe(false);
    lease.stop();
  });
});
