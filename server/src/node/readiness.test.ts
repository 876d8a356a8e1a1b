import { beforeEach, expect, it } from "vitest";
import { noQuorum } from "./failure.js";
import { Readiness } from "./readiness.js";
import type { Fresh } from "./reads.js";

let status: { leader: number; unheard: boolean; commitIndex: number; appliedIndex: number };
let questions: Fresh[];
let readiness: Readiness;
let nowMs: number;

beforeEach(() => {
  status = { leader: 0, unheard: false, commitIndex: 7, appliedIndex: 7 };
  questions = [];
  nowMs = 0;
  readiness = new Readiness({ stallMs: 1_000, status: () => status, read: (fresh) => questions.push(fresh) });
});

const lead = (leader: number): void => {
  status.leader = leader;
  readiness.leaderChanged();
};

function tick(afterMs = 100): void {
  nowMs += afterMs;
  readiness.tick(nowMs);
}

it("is not ready before it has heard from its leader how far it must go, and got there", () => {
  tick();
  expect(readiness.state).toEqual({ ready: false, reason: "no leader" });
  expect(questions).toEqual([]);
  lead(2);
  // All that it knows to be committed is applied, which says nothing of what it does not know.
  expect(readiness.state).toEqual({ ready: false, reason: "catching up with the leader" });
  tick();
  expect(questions).toHaveLength(1);
  questions[0]?.();
  expect(readiness.state).toEqual({ ready: true, reason: "ok" });
  tick();
  expect(questions).toHaveLength(1);
});

it("asks again when there was no answer", () => {
  lead(2);
  questions[0]?.(noQuorum);
  expect(readiness.state.ready).toBe(false);
  tick();
  questions[1]?.();
  expect(readiness.state.ready).toBe(true);
});

it("asks every leader: an answer to a question of before is none", () => {
  lead(2);
  lead(0);
  expect(questions).toHaveLength(1);
  lead(2);
  questions[0]?.();
  expect(readiness.state.ready).toBe(false);
  questions[1]?.();
  expect(readiness.state.ready).toBe(true);
  lead(3);
  expect(readiness.state.ready).toBe(false);
});

it("is not ready while its leader does not hear it", () => {
  lead(2);
  questions[0]?.();
  status.unheard = true;
  expect(readiness.state).toEqual({ ready: false, reason: "the leader does not hear this node" });
});

it("is not ready while it applies what it knows to be committed", () => {
  lead(2);
  questions[0]?.();
  status.commitIndex = 9;
  expect(readiness.state).toEqual({ ready: false, reason: "applying entry 7 of 9" });
});

it("asks again when it stood still: its leader may have gone far ahead, and it may have noticed nothing", () => {
  lead(2);
  questions[0]?.();
  tick(1_000);
  expect(readiness.state.ready).toBe(true);
  tick(1_001);
  expect(readiness.state.ready).toBe(false);
  questions[1]?.();
  expect(readiness.state.ready).toBe(true);
});

it("asks a leader that was out of reach with the next tick, not at once: the question would be lost, and asked again", () => {
  lead(2);
  questions[0]?.();
  readiness.leaderLost();
  expect(readiness.state.ready).toBe(false);
  expect(questions).toHaveLength(1);
  tick();
  questions[1]?.();
  expect(readiness.state.ready).toBe(true);
});
