import { describe, expect, test } from "vitest";
import { type AppendCall, appendModel } from "../models/append.js";
import type { Operation } from "../models/model.js";
import { type RegisterCall, registerModel } from "../models/register.js";
import { seededRandom } from "../random/seeded-random.js";
import { appendMeaning, INITIAL_VALUES, isLinearizableByDefinition, registerMeaning } from "./brute-force.js";
import { generateAppendHistory, generateRegisterHistory } from "./generated-history.js";
import { checkLinearizability } from "./linearizability.js";

/** An operation from its call and its times; no completion means that nobody knows the outcome. */
function at<Call>(call: Call, invokedAt: number, completedAt?: number): Operation<Call> {
  return { id: invokedAt, call, invokedAt, completedAt };
}
const read = (value: string, key = "x"): RegisterCall => ({ f: "read", key, value });
const write = (value: string, key = "x"): RegisterCall => ({ f: "write", key, value });
const cas = (from: string, to: string, succeeded: boolean | undefined): RegisterCall => ({
  f: "cas",
  key: "x",
  from,
  to,
  succeeded,
});
const get = (value: string): AppendCall => ({ f: "get", key: "x", value });
const put = (value: string): AppendCall => ({ f: "put", key: "x", value });
const append = (value: string): AppendCall => ({ f: "append", key: "x", value });
const register = (...operations: Operation<RegisterCall>[]) =>
  checkLinearizability(registerModel, operations).kind;
const string = (...operations: Operation<AppendCall>[]) => checkLinearizability(appendModel, operations).kind;

describe("a register", () => {
  test("is legal with no operation, and reads null at first", () => {
    expect(register()).toBe("ok");
    expect(register(at(read("null"), 1, 2))).toBe("ok");
  });

  test("must not read a value that was never written", () => {
    expect(register(at(write("1"), 1, 2), at(read("2"), 3, 4))).toBe("illegal");
  });

  test("must not read an old value once a newer one is written", () => {
    expect(register(at(write("1"), 1, 2), at(write("2"), 3, 4), at(read("1"), 5, 6))).toBe("illegal");
  });

  test("may read the old or the new value during a write, but not the old one after the new", () => {
    const writes = [at(write("1"), 1, 2), at(write("2"), 3, 10)];
    expect(register(...writes, at(read("1"), 4, 5), at(read("2"), 6, 7))).toBe("ok");
    expect(register(...writes, at(read("2"), 4, 5), at(read("1"), 6, 7))).toBe("illegal");
  });

  test("must not lose an update by a compare-and-swap", () => {
    const both = [at(write("0"), 1, 2), at(cas("0", "1", true), 3, 6), at(cas("0", "2", true), 4, 5)];
    expect(register(...both)).toBe("illegal");
  });

  test("must fail a compare-and-swap only when the comparison is false", () => {
    expect(register(at(write("0"), 1, 2), at(cas("0", "1", false), 3, 4))).toBe("illegal");
    expect(register(at(write("0"), 1, 2), at(cas("5", "1", false), 3, 4), at(read("0"), 5, 6))).toBe("ok");
    expect(register(at(write("0"), 1, 2), at(cas("5", "1", true), 3, 4))).toBe("illegal");
  });

  test("may see a write of unknown outcome late, once, or never", () => {
    const before = [at(write("1"), 1, 2), at(write("2"), 3)];
    expect(register(...before, at(read("1"), 4, 5), at(read("1"), 6, 7))).toBe("ok");
    expect(register(...before, at(read("1"), 4, 5), at(read("2"), 6, 7))).toBe("ok");
    expect(register(...before, at(read("2"), 4, 5), at(read("1"), 6, 7))).toBe("illegal");
  });

  test("must not see a write of unknown outcome before it was invoked", () => {
    expect(register(at(read("2"), 1, 2), at(write("2"), 3))).toBe("illegal");
  });

  test("may fail a comparison because of a write of unknown outcome that nobody read", () => {
    const failed = at(cas("1", "3", false), 4, 5);
    const after = [at(write("4"), 6, 7), at(read("4"), 8, 9)];
    expect(register(at(write("1"), 1, 2), at(write("2"), 3), failed, ...after)).toBe("ok");
    expect(register(at(write("1"), 1, 2), failed, at(write("2"), 6), ...after)).toBe("illegal");
  });

  test("may see a compare-and-swap of unknown outcome take effect late", () => {
    const before = [at(cas("1", "2", undefined), 1), at(write("1"), 2, 3), at(read("1"), 4, 5)];
    expect(register(...before, at(read("2"), 6, 7))).toBe("ok");
    expect(register(...before, at(read("2"), 6, 7), at(read("1"), 8, 9))).toBe("illegal");
  });
});

describe("an appendable string", () => {
  test("grows in the order of the appends", () => {
    expect(string(at(append("a"), 1, 2), at(append("b"), 3, 4), at(get("ab"), 5, 6))).toBe("ok");
    expect(string(at(append("a"), 1, 2), at(append("b"), 3, 4), at(get("ba"), 5, 6))).toBe("illegal");
    expect(string(at(append("a"), 1, 4), at(append("b"), 2, 3), at(get("ba"), 5, 6))).toBe("ok");
  });

  test("must not lose an append, nor apply it twice", () => {
    expect(string(at(append("a"), 1, 2), at(append("b"), 3, 4), at(get("b"), 5, 6))).toBe("illegal");
    expect(string(at(append("a"), 1, 2), at(get("aa"), 3, 4))).toBe("illegal");
  });

  test("forgets everything at a put", () => {
    expect(string(at(append("a"), 1, 2), at(put("b"), 3, 4), at(get("b"), 5, 6))).toBe("ok");
    expect(string(at(append("a"), 1, 2), at(put("b"), 3, 4), at(get("ab"), 5, 6))).toBe("illegal");
  });

  test("may see an append of unknown outcome late or never, but not withdrawn", () => {
    const before = [at(append("a"), 1, 2), at(append("b"), 3), at(get("a"), 4, 5)];
    expect(string(...before, at(append("c"), 6, 7), at(get("acb"), 8, 9))).toBe("ok");
    expect(string(...before, at(append("c"), 6, 7), at(get("ac"), 8, 9))).toBe("ok");
    expect(string(...before, at(get("ab"), 6, 7), at(get("a"), 8, 9))).toBe("illegal");
  });

  test("may see a put of unknown outcome and then an append to it", () => {
    const before = [at(append("a"), 1, 2), at(put("p"), 3), at(append("b"), 4, 5)];
    expect(string(...before, at(get("pb"), 6, 7))).toBe("ok");
    expect(string(...before, at(get("p"), 6, 7), at(get("ab"), 8, 9))).toBe("illegal");
  });
});

const ROUNDS = 3_000;

/** A small history, legal by construction or with one returned value exchanged for another. */
function sometimesMutated<Call extends { readonly f: string }>(
  seed: number,
  generate: (random: ReturnType<typeof seededRandom>) => Operation<Call>[],
  mutate: (call: Call, other: Call) => Call,
): Operation<Call>[] {
  const random = seededRandom(seed);
  const operations = generate(random);
  if (random.chance(0.2)) return operations;
  const reads = operations.filter(({ call }) => call.f === "read" || call.f === "get");
  const victims = [random.pick(operations), reads.length === 0 ? undefined : random.pick(reads)];
  return operations.map((o) =>
    victims.includes(o) ? { ...o, call: mutate(o.call, random.pick(operations).call) } : o,
  );
}

describe("the search agrees with the definition", () => {
  test("on random small register histories", () => {
    const verdicts = { ok: 0, illegal: 0, unknown: 0 };
    for (let seed = 0; seed < ROUNDS; seed++) {
      const shape = {
        operations: 3 + (seed % 5),
        clients: 2 + (seed % 3),
        keys: 1,
        indeterminate: (seed % 4) * 0.2,
        values: 3,
      };
      const operations = sometimesMutated<RegisterCall>(
        seed,
        (random) => generateRegisterHistory(random, shape),
        (call, other) => {
          const value = other.f === "cas" ? other.to : other.value;
          if (call.f !== "cas") return { ...call, value };
          return call.succeeded === undefined
            ? { ...call, from: value }
            : { ...call, succeeded: !call.succeeded };
        },
      );
      const expected = isLinearizableByDefinition(registerMeaning, INITIAL_VALUES.register, operations);
      const { kind } = checkLinearizability(registerModel, operations);
      verdicts[kind] += 1;
      expect({ seed, kind }).toEqual({ seed, kind: expected ? "ok" : "illegal" });
    }
    expect(verdicts.ok).toBeGreaterThan(ROUNDS / 6);
    expect(verdicts.illegal).toBeGreaterThan(ROUNDS / 6);
  });

  test("on random small append histories", () => {
    const verdicts = { ok: 0, illegal: 0, unknown: 0 };
    for (let seed = 0; seed < ROUNDS; seed++) {
      const shape = {
        operations: 3 + (seed % 5),
        clients: 2 + (seed % 3),
        keys: 1,
        indeterminate: (seed % 4) * 0.2,
        values: 2 + (seed % 2),
      };
      const operations = sometimesMutated<AppendCall>(
        seed,
        (random) => generateAppendHistory(random, shape),
        (call, other) => ({ ...call, value: other.value }),
      );
      const expected = isLinearizableByDefinition(appendMeaning, INITIAL_VALUES.append, operations);
      const { kind } = checkLinearizability(appendModel, operations);
      verdicts[kind] += 1;
      expect({ seed, kind }).toEqual({ seed, kind: expected ? "ok" : "illegal" });
    }
    expect(verdicts.ok).toBeGreaterThan(ROUNDS / 6);
    expect(verdicts.illegal).toBeGreaterThan(ROUNDS / 6);
  });
});

/** A register history that needs a long search: many concurrent swaps on few values, and at the end a read of null. */
function hardPartition(key: string, swaps: number): Operation<RegisterCall>[] {
  const random = seededRandom(7);
  const operations: Operation<RegisterCall>[] = [at(write("0", key), 1, 2)];
  for (let n = 0; n < swaps; n++) {
    const from = String(random.below(swaps));
    operations.push(at({ f: "write", key, value: from }, 10 + n, 1_000 + n));
    operations.push(
      at({ f: "cas", key, from, to: String(random.below(swaps)), succeeded: undefined }, 100 + n),
    );
  }
  return [...operations, at(read("null", key), 5_000, 5_001)];
}

describe("a check", () => {
  test("refutes an easy partition in spite of a hard one before it", () => {
    const easy = [at(write("1", "easy"), 1, 2), at(read("2", "easy"), 3, 4)];
    const verdict = checkLinearizability(registerModel, [...hardPartition("hard", 24), ...easy]);
    expect(verdict).toMatchObject({ kind: "illegal", refutation: { partition: "easy" } });
  });

  test("gives up as unknown at its step limit, naming the partitions it left undecided", () => {
    const easy = [at(write("1", "easy"), 1, 2), at(read("1", "easy"), 3, 4)];
    const verdict = checkLinearizability(registerModel, [...hardPartition("hard", 24), ...easy], {
      partitionStepsMax: 20_000,
    });
    expect(verdict).toEqual({ kind: "unknown", reason: "the step limit was reached", undecided: ["hard"] });
  });

  test("gives up as unknown when told to stop", () => {
    let asked = 0;
    const verdict = checkLinearizability(registerModel, hardPartition("hard", 24), {
      shouldStop: () => ++asked > 3,
    });
    expect(verdict).toMatchObject({ kind: "unknown", reason: "the time limit was reached" });
  });

  test("gives up as unknown when its caches outgrow their bound", () => {
    const verdict = checkLinearizability(registerModel, hardPartition("hard", 24), { cacheWordsMax: 50_000 });
    expect(verdict).toMatchObject({ kind: "unknown", reason: "the memory limit was reached" });
  });

  test("explains a refutation by the longest order and the operation that did not fit", () => {
    const stale = at(read("1"), 5, 6);
    const verdict = checkLinearizability(registerModel, [at(write("1"), 1, 2), at(write("2"), 3, 4), stale]);
    expect(verdict).toMatchObject({
      kind: "illegal",
      refutation: { partition: "x", definiteOperations: 3, definitePrefix: 2, blocked: stale },
    });
  });
});

describe("large histories are decided", () => {
  const large = { operations: 2_000, clients: 50, keys: 10, indeterminate: 0.02, values: 2_000 };

  test.each([1, 2, 3])("register, seed %i: ok, and illegal with one stale read", (seed) => {
    const operations = generateRegisterHistory(seededRandom(seed), large);
    expect(checkLinearizability(registerModel, operations).kind).toBe("ok");
    const last = Math.max(...operations.map(({ completedAt }) => completedAt ?? 0));
    const stale = at<RegisterCall>({ f: "read", key: "0", value: "null" }, last + 1, last + 2);
    expect(checkLinearizability(registerModel, [...operations, stale]).kind).toBe("illegal");
  });

  test.each([1, 2, 3])("append, seed %i: ok, and illegal with one lost append", (seed) => {
    const operations = generateAppendHistory(seededRandom(seed), large);
    expect(checkLinearizability(appendModel, operations).kind).toBe("ok");
    const last = Math.max(...operations.map(({ completedAt }) => completedAt ?? 0));
    const after = [
      at<AppendCall>({ f: "append", key: "0", value: "lost" }, last + 1, last + 2),
      at<AppendCall>({ f: "get", key: "0", value: "" }, last + 3, last + 4),
    ];
    expect(checkLinearizability(appendModel, [...operations, ...after]).kind).toBe("illegal");
  });
});
