import { pino } from "pino";
import { expect, test } from "vitest";
import type { Checkpoint, Expire } from "../state-machine/index.js";
import { TestMachine } from "../state-machine/machine.test-support.js";
import type { Failure } from "./failure.js";
import type { Settlement } from "./lease-clock.js";
import { LeaseKeeper, type LeaseSurroundings } from "./lease-keeper.js";

interface Proposed {
  readonly command: Expire | Checkpoint;
  readonly settled: (settlement: Settlement) => void;
}

/** The keeper of a leader whose reads are confirmed at once, and whose proposals wait to be settled. */
function leading(t: TestMachine): { keeper: LeaseKeeper; proposed: Proposed[] } {
  const proposed: Proposed[] = [];
  const node: LeaseSurroundings = {
    ...{ self: 1, leader: 1, term: 1, machine: t.machine },
    read: (fresh) => fresh(),
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
