import { describe, expect, it } from "vitest";
import { inRange, type KeyRange, RangeWatches } from "./range-watches.js";

const letters = "abcdefghij";

/** Every range between two letters, and from each letter to the end. */
function everyRange(): KeyRange[] {
  const ends = [...letters, undefined];
  return [...letters].flatMap((key) =>
    ends.filter((end) => end === undefined || end > key).map((end) => ({ key, end })),
  );
}

function holding(watches: RangeWatches<string>, key: string): string[] {
  return [...watches.holding(key)].flatMap((group) => [...group]).sort();
}

const nameOf = ({ key, end }: KeyRange): string => `[${key},${end ?? ""})`;

describe("watches by range", () => {
  it("are found by every key that they hold, and by no other, whichever come and go", () => {
    const watches = new RangeWatches<string>();
    const ranges = everyRange();
    // Added and taken away in orders that are neither that of the ranges nor its reverse.
    const shuffled = (step: number): KeyRange[] =>
      ranges.map((_, i) => ranges[(i * step) % ranges.length]).filter((range) => range !== undefined);
    const present = new Set<KeyRange>();
    const check = (): void => {
      for (const letter of letters) {
        for (const key of [letter, `${letter}/x`]) {
          const expected = [...present].filter((range) => inRange(range, key)).map(nameOf);
          expect(holding(watches, key)).toEqual(expected.sort());
        }
      }
    };
    for (const [i, range] of shuffled(7).entries()) {
      watches.add(range, nameOf(range));
      present.add(range);
      if (i % 10 === 0) check();
    }
    expect(present.size).toBe(ranges.length);
    for (const [i, range] of shuffled(13).entries()) {
      watches.delete(range, nameOf(range));
      present.delete(range);
      if (i % 10 === 0) check();
    }
    expect(watches.isEmpty).toBe(true);
  });

  it("share a group when they watch the same, and leave it one by one", () => {
    const watches = new RangeWatches<string>();
    const range = { key: "a", end: "c" };
    watches.add(range, "first");
    watches.add(range, "second");
    expect([...watches.holding("b")]).toEqual([new Set(["first", "second"])]);
    watches.delete(range, "first");
    watches.delete(range, "first");
    expect(holding(watches, "b")).toEqual(["second"]);
    watches.delete({ key: "a", end: undefined }, "second");
    expect([...watches.all()]).toEqual(["second"]);
    watches.delete(range, "second");
    expect(watches.isEmpty).toBe(true);
  });
});
