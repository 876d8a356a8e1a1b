import { describe, expect, test } from "vitest";
import { type AppendCall, appendModel } from "../models/append.js";
import type { Model, Operation } from "../models/model.js";
import { type RegisterCall, registerModel } from "../models/register.js";
import { type Random, seededRandom } from "../random/seeded-random.js";
import { appendMeaning, INITIAL_VALUES, type Meaning, registerMeaning } from "./brute-force.js";
import { explain } from "./explanation.js";
import { generateAppendHistory, generateRegisterHistory } from "./generated-history.js";
import { checkLinearizability, type Verdict } from "./linearizability.js";

function at<Call>(call: Call, invokedAt: number, completedAt?: number): Operation<Call> {
  return { id: invokedAt, call, invokedAt, completedAt };
}
const read = (value: string): RegisterCall => ({ f: "read", key: "x", value });
const write = (value: string): RegisterCall => ({ f: "write", key: "x", value });
const cas = (from: string, to: string, succeeded?: boolean): RegisterCall => ({
  f: "cas",
  key: "x",
  from,
  to,
  succeeded,
});
const get = (value: string): AppendCall => ({ f: "get", key: "x", value });
const append = (value: string): AppendCall => ({ f: "append", key: "x", value });

function explained<Call>(model: Model<Call>, ...operations: Operation<Call>[]): string[] {
  const verdict = checkLinearizability(model, operations);
  return explain(model, verdict, operations.length, ({ id }) => `line ${id}`).split("\n");
}

describe("an explanation", () => {
  test("says the value that was written, though nobody ever read it", () => {
    expect(explained(registerModel, at(write("5"), 1, 2), at(read("null"), 3, 4))).toEqual([
      "illegal: x is not linearizable",
      "  longest order found: 1 of 2 completed operations",
      "    write 5 (line 1)",
      "  the state is then 5",
      "  no place after that for: read -> null (line 3)",
    ]);
    expect(explained(appendModel, at(append("a"), 1, 2), at(get("b"), 3, 4))).toContain(
      '  the state is then "a"',
    );
  });

  test("says the value that a swap left, and that a failed one left none", () => {
    const swapped = [at(write("1"), 1, 2), at(cas("1", "2", true), 3, 4), at(cas("9", "3", false), 5, 6)];
    expect(explained(registerModel, ...swapped, at(read("1"), 7, 8))).toContain("  the state is then 2");
  });

  test("says the first value where nothing has a place, and counts one thing as one", () => {
    expect(explained(registerModel, at(read("1"), 1, 2))).toEqual([
      "illegal: x is not linearizable",
      "  longest order found: 0 of 1 completed operation",
      "  the state is then null",
      "  no place after that for: read -> 1 (line 1)",
    ]);
    expect(explained(registerModel, at(read("null"), 1, 2))).toEqual([
      "ok: linearizable (1 operation, 1 partition)",
    ]);
  });

  test("counts what has an unknown outcome apart from what was completed", () => {
    const before = [at(write("1"), 1), at(read("1"), 2, 3)];
    expect(explained(registerModel, ...before, at(read("2"), 4, 5))).toContain(
      "  longest order found: 1 of 2 completed operations and 1 with an unknown outcome",
    );
  });

  test("names some of many undecided partitions, and how many others there are", () => {
    const undecided = Array.from({ length: 22 }, (_, n) => `k${n}`);
    const verdict: Verdict<RegisterCall> = {
      kind: "unknown",
      reason: "the step limit was reached",
      undecided,
    };
    const text = explain(registerModel, verdict, 22, () => "");
    expect(text).toMatch(/^unknown: the step limit was reached, undecided: k0, .*, k19 and 2 others$/);
  });
});

test("a check that may take no step leaves everything undecided", () => {
  const operations = [at(write("5"), 1, 2), at(read("null"), 3, 4)];
  expect(checkLinearizability(registerModel, operations, { partitionStepsMax: 0 })).toEqual({
    kind: "unknown",
    reason: "the step limit was reached",
    undecided: ["x"],
  });
});

const ROUNDS = 2_000;
const shape = { operations: 9, clients: 3, keys: 1, indeterminate: 0.2, values: 4 };

/** Holds every refutation of histories with wrong reads to the plain meaning of the calls. */
function refutationsMean<Call extends { readonly f: string; readonly value?: string }>(
  model: Model<Call>,
  meaning: Meaning<Call>,
  initial: string,
  generate: (random: Random) => Operation<Call>[],
  show: (value: string) => string,
): void {
  let refuted = 0;
  for (let seed = 0; seed < ROUNDS; seed++) {
    const random = seededRandom(seed);
    const generated = generate(random);
    const victim = random.pick(generated);
    const { value } = random.pick(generated).call;
    const operations = generated.map((one) =>
      one === victim && value !== undefined && (one.call.f === "read" || one.call.f === "get")
        ? { ...one, call: { ...one.call, value } }
        : one,
    );
    const verdict = checkLinearizability(model, operations);
    if (verdict.kind !== "illegal") continue;
    refuted += 1;
    const { longestPrefix, state, blocked, definitePrefix } = verdict.refutation;
    let held = initial;
    for (const [place, { call, invokedAt }] of longestPrefix.entries()) {
      const after = meaning(held, call);
      expect({ seed, place, after }).not.toEqual({ seed, place, after: undefined });
      held = after ?? held;
      // Whatever was over before it began comes before it.
      for (const other of operations) {
        const over = other.completedAt !== undefined && other.completedAt < invokedAt;
        if (over) expect(longestPrefix.slice(0, place)).toContain(other);
      }
    }
    expect({ seed, state }).toEqual({ seed, state: show(held) });
    expect(definitePrefix).toBe(longestPrefix.filter(({ completedAt }) => completedAt !== undefined).length);
    expect(blocked?.completedAt).toBeDefined();
    expect(longestPrefix).not.toContain(blocked);
    if (blocked !== undefined) expect(meaning(held, blocked.call)).toBeUndefined();
  }
  expect(refuted).toBeGreaterThan(ROUNDS / 50);
}

describe("a refutation means what it says", () => {
  test("of registers", () => {
    refutationsMean<RegisterCall & { readonly value?: string }>(
      registerModel,
      registerMeaning,
      INITIAL_VALUES.register,
      (random) => generateRegisterHistory(random, shape),
      (value) => value,
    );
  });

  test("of strings", () => {
    refutationsMean<AppendCall>(
      appendModel,
      appendMeaning,
      INITIAL_VALUES.append,
      (random) => generateAppendHistory(random, shape),
      (value) => JSON.stringify(value),
    );
  });
});
