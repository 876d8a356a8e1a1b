import { pino } from "pino";
import { afterEach, expect, test, vi } from "vitest";
import type { Checkpoint, Expire } from "../state-machine/index.js";
import { TestMachine } from "../state-machine/machine.test-support.js";
import type { Failure } from "./failure.js";
import type { Settlement } from "./lease-clock.js";
import { LeaseKeeper, type LeaseSurroundings } from "./lease-keeper.js";
import type { Fresh } from "./reads.js";

interface Proposed {
  readonly command: Expire | Checkpoint;
  readonly settled: (settlement: Settlement) => void;
}

afterEach(() => vi.useRealTimers());

/** The keeper of a leader whose reads are confirmed at once, or by `read`, and whose proposals wait to be settled. */
function leading(
  t: TestMachine,
  read: LeaseSurroundings["read"] = (fresh) => fresh(),
): { keeper: LeaseKeeper; proposed: Proposed[] } {
  const proposed: Proposed[] = [];
  const node: LeaseSurroundings = {
    ...{ self: 1, leader: 1, term: 1, machine: t.machine },
    read,
    understands: () => true,
    sendLeaseMessage: () => undefined,
    proposeOfLeases: (command, settled) => proposed.push({ command, settled }),
  };
  const keeper = new LeaseKeeper(node, pino({ level: "silent" }), 500, 1);
  keeper.lead();
  return { keeper, proposed };
}

/** Renews; the list has what was answered, so far. */
function renew(keeper: LeaseKeeper, ids: readonly number[]): (readonly number[] | Failure)[] {
  const answers: (readonly number[] | Failure)[] = [];
  keeper.renew(ids, false, (outcome) => answers.push(outcome));
  return answers;
}

function checkpointed(): { t: TestMachine; lease: number; other: number } {
  const t = new TestMachine();
  const [lease, other] = [t.lease({ ttlMs: 60_000 }), t.lease({ ttlMs: 50_000 })];
  const leases = [{ id: lease, remainingMs: 40_000 }];
  t.run({ kind: "checkpoint", term: 1, leases, asOfIndex: t.machine.appliedIndex });
  return { t, lease, other };
}

test("a lease without a checkpoint is renewed without a word in the log", () => {
  const { t, other } = checkpointed();
  const { keeper, proposed } = leading(t);
  expect(renew(keeper, [other, 99])).toEqual([[50_000, 0]]);
  expect(proposed).toEqual([]);
});

test("a renewal of a lease with a checkpoint is answered once the log has taken that back", () => {
  const { t, lease, other } = checkpointed();
  const { keeper, proposed } = leading(t);
  const answers = renew(keeper, [lease, other]);
  expect(answers).toEqual([]);
  const [reset] = proposed;
  expect(reset?.command).toMatchObject({
    kind: "checkpoint",
    term: 1,
    // The other one, too: it may get its first checkpoint before this entry is applied.
    leases: [
      { id: lease, remainingMs: 0 },
      { id: other, remainingMs: 0 },
    ],
  });
  if (reset === undefined) return;
  t.run(reset.command);
  reset.settled("applied");
  expect(answers).toEqual([[60_000, 50_000]]);
  expect(t.machine.leaseInfo(lease)?.remainingMs).toBe(0);
  expect(renew(keeper, [lease])).toEqual([[60_000]]);
  expect(proposed).toHaveLength(1);
});

test("a renewal that the log may not have fails, and the next one asks the log again", () => {
  const { t, lease } = checkpointed();
  const { keeper, proposed } = leading(t);
  const answers = renew(keeper, [lease]);
  proposed[0]?.settled("unknown");
  expect(answers).toMatchObject([{ kind: "failure", code: "NO_QUORUM" }]);
  expect(renew(keeper, [lease])).toEqual([]);
  expect(proposed).toHaveLength(2);
});

test("a renewal whose leader lost office meanwhile is not answered well", () => {
  const { t, lease } = checkpointed();
  const { keeper, proposed } = leading(t);
  const answers = renew(keeper, [lease]);
  keeper.leaderChanged();
  proposed[0]?.settled("applied");
  expect(answers).toMatchObject([{ kind: "failure" }]);
});

test("a keepalive while an expiry is not decided fails; the lease is gone only when the log says so", () => {
  const t = new TestMachine();
  const [lease, other] = [t.lease({ ttlMs: 1_000 }), t.lease({ ttlMs: 60_000 })];
  const { keeper, proposed } = leading(t);
  const startMs = performance.now();
  for (let ms = 0; ms <= 1_100; ms += 100) keeper.tick(startMs + ms, 500);
  const expiry = proposed.find(({ command }) => command.kind === "expire");
  expect(expiry?.command).toMatchObject({ leases: [lease] });
  if (expiry === undefined) return;
  expect(renew(keeper, [other, lease])).toMatchObject([{ kind: "failure", code: "NO_QUORUM" }]);
  expiry.settled("unknown");
  expect(renew(keeper, [lease])).toMatchObject([{ kind: "failure", code: "NO_QUORUM" }]);
  t.run(expiry.command);
  keeper.applied(t.applied);
  expect(renew(keeper, [lease])).toEqual([[0]]);
});

test("a leader that stood still ends no lease whose keepalive it has read and not confirmed yet", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const t = new TestMachine();
  const lease = t.lease({ ttlMs: 1_000 });
  // Confirmed by a round of heartbeats, that is after a round trip and a write to a follower's disk.
  const waiting: Fresh[] = [];
  const { keeper, proposed } = leading(t, (fresh) => waiting.push(fresh));
  const tick = (ms: number): void => {
    vi.advanceTimersByTime(ms);
    keeper.tick(performance.now(), 2_000);
  };
  const expiries = (): unknown[] => proposed.filter(({ command }) => command.kind === "expire");
  for (let i = 0; i < 12; i++) tick(25);
  // It stands still until after the lease's deadline, and leads on.
  tick(775);
  expect(expiries()).toEqual([]);
  const answers = renew(keeper, [lease]);
  tick(25);
  tick(25);
  expect(expiries()).toEqual([]);
  for (const fresh of waiting.splice(0)) fresh();
  expect(answers).toEqual([[1_000]]);
  for (let i = 0; i < 39; i++) tick(25);
  expect(expiries()).toEqual([]);
  // A question what is left is no renewal, and one that cannot be confirmed holds nothing for ever.
  keeper.renew([lease], true, () => undefined);
  tick(25);
  expect(expiries()).toMatchObject([{ command: { leases: [lease] } }]);
});

test("a keepalive that nobody confirms keeps a lease no longer than reads wait", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const t = new TestMachine();
  const lease = t.lease({ ttlMs: 1_000 });
  const { keeper, proposed } = leading(t, () => undefined);
  for (let i = 0; i < 30; i++) {
    renew(keeper, [lease]);
    vi.advanceTimersByTime(100);
    keeper.tick(performance.now(), 2_000);
    const isOver = proposed.some(({ command }) => command.kind === "expire");
    expect(isOver).toBe(i === 29);
  }
});
