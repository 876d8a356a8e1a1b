import { describe, expect, it } from "vitest";
import { seeded } from "./machine.test-support.js";
import { OrderedKeys } from "./ordered-keys.js";

function keysFrom(keys: OrderedKeys, from: string): string[] {
  const found: string[] = [];
  const cursor = keys.seek(from);
  for (let key = cursor.key; key !== undefined; key = cursor.key) {
    found.push(key);
    cursor.next();
  }
  return found;
}

describe("ordered keys", () => {
  it("is empty at first", () => {
    const keys = new OrderedKeys();
    expect(keysFrom(keys, "")).toEqual([]);
    expect(keys.ceiling("a")).toBeUndefined();
    expect(keys.count("", "")).toBe(0);
    expect(keys.delete("a")).toBe(false);
  });

  it("tells whether a key was new, and whether it was there", () => {
    const keys = new OrderedKeys();
    expect([keys.add("a"), keys.add("a"), keys.size]).toEqual([true, false, 1]);
    expect([keys.delete("a"), keys.delete("a"), keys.size]).toEqual([true, false, 0]);
  });

  it("orders keys by bytes", () => {
    const keys = new OrderedKeys();
    for (const key of ["b", "a/b", "a-b", "a", "\xff", "a0"]) keys.add(key);
    expect(keysFrom(keys, "")).toEqual(["a", "a-b", "a/b", "a0", "b", "\xff"]);
  });

  it("agrees with a sorted array through thousands of random insertions and removals", () => {
    const random = seeded(7);
    const keys = new OrderedKeys();
    const model = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 6_000; i += 1) {
        const key = `k${Math.floor(random() * 5_000)}`;
        // The even rounds grow the set and the odd ones shrink it, so that chunks both split and merge.
        if (random() < (round % 2 === 0 ? 0.8 : 0.1)) {
          expect(keys.add(key)).toBe(!model.has(key));
          model.add(key);
        } else {
          expect(keys.delete(key)).toBe(model.delete(key));
        }
      }
      const sorted = [...model].sort();
      expect(keys.size).toBe(sorted.length);
      expect(keysFrom(keys, "")).toEqual(sorted);
      for (let i = 0; i < 200; i += 1) {
        const from = `k${Math.floor(random() * 5_000)}`;
        const to = i % 10 === 0 ? "" : `k${Math.floor(random() * 5_000)}`;
        const expected = sorted.filter((key) => key >= from && (to === "" || key < to)).length;
        expect(keys.count(from, to)).toBe(expected);
        expect(keys.ceiling(from)).toBe(sorted.find((key) => key >= from));
        expect(keysFrom(keys, from)[0]).toBe(sorted.find((key) => key >= from));
      }
    }
  });

  it("takes rising keys at one end while they are removed at the other", () => {
    const keys = new OrderedKeys();
    for (let i = 0; i < 5_000; i += 1) {
      keys.add(String(i).padStart(8, "0"));
      if (i >= 100) expect(keys.delete(String(i - 100).padStart(8, "0"))).toBe(true);
    }
    expect(keys.size).toBe(100);
    expect(keys.ceiling("")).toBe("00004900");
  });
});
