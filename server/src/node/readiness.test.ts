import { beforeEach, expect, it } from "vitest";
import { noQuorum } from "./failure.js";
import { Readiness } from "./readiness.js";
import type { Fresh } from "./reads.js";

let status: { leader: number; commitIndex: number; appliedIndex: number };
let questions: Fresh[];
let readiness: Readiness;

beforeEach(() => {
  status = { leader: 0, commitIndex: 7, appliedIndex: 7 };
  questions = [];
  readiness = new Readiness({ status: () => status, read: (fresh) => questions.push(fresh) });
});

const lead = (leader: number): void => {
  status.leader = leader;
  readiness.leaderChanged();
};

it("is not ready before it has heard from its leader how far it must go, and got there", () => {
  readiness.tick();
  expect(readiness.state).toEqual({ ready: false, reason: "no leader" });
  expect(questions).toEqual([]);
  lead(2);
  // All that it knows to be committed is applied, which says nothing of what it does not know.
  expect(readiness.state).toEqual({ ready: false, reason: "catching up with the leader" });
  readiness.tick();
  expect(questions).toHaveLength(1);
  questions[0]?.();
  expect(readiness.state).toEqual({ ready: true, reason: "ok" });
  readiness.tick();
  expect(questions).toHaveLength(1);
});

it("asks again when there was no answer", () => {
  lead(2);
  questions[0]?.(noQuorum);
  expect(readiness.state.ready).toBe(false);
  readiness.tick();
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

it("is not ready while it applies what it knows to be committed", () => {
  lead(2);
  questions[0]?.();
  status.commitIndex = 9;
  expect(readiness.state).toEqual({ ready: false, reason: "applying entry 7 of 9" });
});
