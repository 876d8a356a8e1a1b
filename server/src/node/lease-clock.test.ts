import { describe, expect, test } from "vitest";
import { bounds } from "../config.js";
import { LeaseClock, type TimedLease } from "./lease-clock.js";

function timed(id: number, ttlMs: number, options: Partial<TimedLease> = {}): TimedLease {
  return { id, ttlMs, remainingMs: 0, keyCount: 0, ...options };
}

/** Milliseconds after a lease's deadline for which a renewal under way keeps it. */
const HELD_MS_MAX = 500;

const lease = timed(1, 1_000);

function started(leases: readonly TimedLease[] = [lease]): LeaseClock {
  const clock = new LeaseClock(500);
  clock.start(leases, 0, 3);
  return clock;
}

/** Ticks every 100 ms from `fromMs` to `toMs`; every proposal is applied at once. Returns what ran out. */
function run(clock: LeaseClock, fromMs: number, toMs: number): number[] {
  const expired: number[] = [];
  for (let now = fromMs; now <= toMs; now += 100) {
    const due = clock.tick(now, true, HELD_MS_MAX);
    expired.push(...due.expired);
    for (const id of due.expired) clock.ended(id);
    clock.expirySettled(due.expired, clock.term, "applied");
    clock.checkpointSettled(clock.term);
  }
  return expired;
}

test("a lease runs out after its full time and is named once", () => {
  const clock = started();
  expect(run(clock, 100, 900)).toEqual([]);
  expect(run(clock, 1_000, 2_000)).toEqual([1]);
});

test("a renewal gives the full time again", () => {
  const clock = started();
  run(clock, 100, 900);
  expect(clock.renew([1], 900)).toEqual([1_000]);
  expect(run(clock, 1_000, 1_800)).toEqual([]);
  expect(run(clock, 1_900, 2_000)).toEqual([1]);
});

test("a keepalive after the expiry was proposed says neither that the lease lives nor that it is gone", () => {
  const clock = started();
  run(clock, 100, 900);
  expect(clock.tick(1_000, true, HELD_MS_MAX).expired).toEqual([1]);
  expect(clock.renew([1], 1_010)).toBeUndefined();
});

test("a lease does not end while a renewal is under way, nor longer after its deadline than that may take", () => {
  const clock = started();
  run(clock, 100, 900);
  clock.renewalBegins([1], 900);
  expect(run(clock, 1_000, 1_400)).toEqual([]);
  // More of them do not hold it any longer.
  clock.renewalBegins([1], 1_400);
  expect(run(clock, 1_500, 1_500)).toEqual([1]);
});

test("a renewal that failed holds nothing back", () => {
  const clock = started();
  run(clock, 100, 900);
  clock.renewalBegins([1], 900);
  clock.renewalBegins([1], 900);
  clock.renewalEnded([1], clock.term);
  expect(run(clock, 1_000, 1_000)).toEqual([]);
  clock.renewalEnded([1], clock.term);
  expect(run(clock, 1_100, 1_100)).toEqual([1]);
});

test("what becomes of a renewal of an earlier leadership counts for nothing", () => {
  const clock = started();
  clock.renewalBegins([1], 900);
  clock.start([lease], 0, 4);
  clock.renewalBegins([1], 900);
  clock.renewalEnded([1], 3);
  expect(run(clock, 100, 1_400)).toEqual([]);
});

test("a leader that stood still first hears what piled up", () => {
  const clock = started();
  run(clock, 100, 400);
  expect(clock.tick(5_000, true, HELD_MS_MAX).expired).toEqual([]);
  expect(clock.renew([1], 5_050)).toEqual([1_000]);
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

test("a lease granted anew under an id has its own time", () => {
  const clock = started();
  run(clock, 100, 900);
  clock.granted(lease, 900);
  expect(run(clock, 1_000, 1_800)).toEqual([]);
  expect(run(clock, 1_900, 1_900)).toEqual([1]);
});

describe("many at once", () => {
  test("leases that end together are named in batches, the next when the one before is settled", () => {
    const count = bounds.leaseBatchMax + 5;
    const clock = started(Array.from({ length: count }, (_, i) => timed(i + 1, 1_000)));
    run(clock, 100, 900);
    const first = clock.tick(1_000, true, HELD_MS_MAX).expired;
    expect(first).toHaveLength(bounds.leaseBatchMax);
    expect(clock.tick(1_025, true, HELD_MS_MAX).expired).toEqual([]);
    for (const id of first) clock.ended(id);
    clock.expirySettled(first, 3, "applied");
    expect(clock.tick(1_050, true, HELD_MS_MAX).expired).toHaveLength(5);
  });

  test("a batch has at most so many keys, but one lease at least", () => {
    const keyCount = bounds.leaseBatchKeysMax;
    const clock = started([
      timed(1, 1_000, { keyCount: 3 * keyCount }),
      timed(2, 1_001, { keyCount: keyCount - 1 }),
      timed(3, 1_002, { keyCount: 1 }),
      timed(4, 1_003, { keyCount: 1 }),
    ]);
    run(clock, 100, 900);
    const batches: number[][] = [];
    for (let now = 1_010; now < 1_100; now += 25) {
      const { expired } = clock.tick(now, true, HELD_MS_MAX);
      if (expired.length > 0) batches.push([...expired]);
      for (const id of expired) clock.ended(id);
      clock.expirySettled(expired, 3, "applied");
    }
    expect(batches).toEqual([[1], [2, 3], [4]]);
  });

  test("an expiry that came to nothing is proposed again", () => {
    const clock = started();
    run(clock, 100, 900);
    expect(clock.tick(1_000, true, HELD_MS_MAX).expired).toEqual([1]);
    clock.expirySettled([1], 2, "refused");
    expect(clock.tick(1_025, true, HELD_MS_MAX).expired).toEqual([]);
    clock.expirySettled([1], 3, "refused");
    expect(clock.tick(1_050, true, HELD_MS_MAX).expired).toEqual([1]);
  });
});

describe("a lease that was proposed to end", () => {
  const proposed = (): LeaseClock => {
    const clock = started();
    run(clock, 100, 900);
    expect(clock.tick(1_000, true, HELD_MS_MAX).expired).toEqual([1]);
    expect(clock.renew([1], 1_010)).toBeUndefined();
    return clock;
  };

  test("can be renewed again when that was refused", () => {
    const clock = proposed();
    clock.expirySettled([1], 3, "refused");
    expect(clock.renew([1], 1_030)).toEqual([1_000]);
  });

  test("cannot be renewed while nobody knows what became of it, though a second proposal is refused", () => {
    const clock = proposed();
    clock.expirySettled([1], 3, "unknown");
    expect(clock.renew([1], 1_020)).toBeUndefined();
    expect(clock.tick(1_025, true, HELD_MS_MAX).expired).toEqual([1]);
    clock.expirySettled([1], 3, "refused");
    expect(clock.renew([1], 1_030)).toBeUndefined();
    expect(clock.tick(1_050, true, HELD_MS_MAX).expired).toEqual([1]);
  });

  test("and lives on when a later proposal was applied can be renewed: none from before it is still to come", () => {
    const clock = proposed();
    clock.expirySettled([1], 3, "unknown");
    expect(clock.tick(1_025, true, HELD_MS_MAX).expired).toEqual([1]);
    clock.expirySettled([1], 3, "applied");
    expect(clock.renew([1], 1_030)).toEqual([1_000]);
  });

  test("does not take along others that are renewed in the same call", () => {
    const clock = started([lease, timed(2, 2_000)]);
    run(clock, 100, 900);
    expect(clock.tick(1_000, true, HELD_MS_MAX).expired).toEqual([1]);
    expect(clock.renew([1, 2], 1_010)).toBeUndefined();
    expect(clock.remaining(2, 1_010)).toBe(2_000);
  });

  test("has its own life when it is granted anew", () => {
    const clock = proposed();
    clock.expirySettled([1], 3, "unknown");
    clock.granted(lease, 1_020);
    expect(clock.renew([1], 1_030)).toEqual([1_000]);
  });
});

test("a lease does not run out while its renewal waits for the log", () => {
  const clock = started();
  run(clock, 100, 900);
  clock.resetBegins([1]);
  expect(clock.tick(1_000, true, HELD_MS_MAX).expired).toEqual([]);
  clock.resetEnded([1], 3, false);
  expect(clock.tick(1_025, true, HELD_MS_MAX).expired).toEqual([1]);
});

describe("checkpoints", () => {
  const long = timed(7, 60_000);
  const checkpointsOf = (clock: LeaseClock, fromMs: number, toMs: number) => {
    const found: [atMs: number, remainingMs: number][] = [];
    for (let now = fromMs; now <= toMs; now += 100) {
      for (const { remainingMs } of clock.tick(now, true, HELD_MS_MAX).unrenewed)
        found.push([now, remainingMs]);
      clock.checkpointSettled(clock.term);
    }
    return found;
  };

  test("of a lease nobody renews come when its time in this leadership has doubled", () => {
    const found = checkpointsOf(started([long]), 100, 40_000);
    expect(found).toEqual([2_000, 4_000, 8_000, 16_000, 32_000].map((atMs) => [atMs, 60_000 - atMs]));
  });

  test("there are none of a lease granted or renewed in this leadership: the next one gives it its full time", () => {
    const clock = started([long]);
    checkpointsOf(clock, 100, 1_000);
    clock.renew([7], 1_000);
    clock.granted(timed(8, 60_000), 1_000);
    expect(checkpointsOf(clock, 1_100, 60_900)).toEqual([]);
    expect(clock.checkpointed([7, 8])).toEqual([]);
  });

  test("end a lease nobody renews, though no leader lasts for its TTL", () => {
    let remainingMs = 0;
    let elections = 0;
    const clock = new LeaseClock(500);
    for (let ended = false; !ended; elections++) {
      const office = { ...long, remainingMs };
      clock.start([office], 0, elections);
      for (let now = 100; now <= 5_000 && !ended; now += 100) {
        const due = clock.tick(now, true, HELD_MS_MAX);
        for (const checkpoint of due.unrenewed) remainingMs = checkpoint.remainingMs;
        clock.checkpointSettled(elections);
        ended = due.expired.length > 0;
      }
      expect(elections).toBeLessThan(30);
    }
    // Never early: all leaders together led for its TTL.
    expect(elections * 5_000).toBeGreaterThanOrEqual(60_000);
  });

  test("are taken back in the log before a renewal counts, and none is made meanwhile", () => {
    const clock = started([long]);
    expect(checkpointsOf(clock, 100, 2_000)).toHaveLength(1);
    expect(clock.checkpointed([7, 8])).toEqual([7]);
    clock.resetBegins([7]);
    // One that came after the entry that takes it back would leave the log with too short a time.
    expect(checkpointsOf(clock, 2_100, 9_000)).toEqual([]);
    clock.resetEnded([7], 2, true);
    expect(clock.checkpointed([7])).toEqual([7]);
    clock.resetEnded([7], 3, true);
    expect(clock.checkpointed([7])).toEqual([]);
    clock.renew([7], 9_000);
    expect(checkpointsOf(clock, 9_100, 68_900)).toEqual([]);
    expect(clock.tick(69_000, true, HELD_MS_MAX).expired).toEqual([7]);
  });

  test("that an entry could not take back stay", () => {
    const clock = started([{ ...long, remainingMs: 50_000 }]);
    clock.resetBegins([7]);
    clock.resetEnded([7], 3, false);
    expect(clock.checkpointed([7])).toEqual([7]);
  });

  test("tell a new leader what is left", () => {
    const clock = started([{ ...lease, remainingMs: 300 }]);
    expect(run(clock, 100, 200)).toEqual([]);
    expect(clock.checkpointed([1])).toEqual([1]);
    expect(run(clock, 300, 300)).toEqual([1]);
  });

  test("are not made while a member does not understand them", () => {
    const clock = started([long]);
    for (let now = 100; now < 5_000; now += 100)
      expect(clock.tick(now, false, HELD_MS_MAX).unrenewed).toEqual([]);
    expect(clock.checkpointed([7])).toEqual([]);
  });
});
