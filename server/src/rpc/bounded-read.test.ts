import { describe, expect, it } from "vitest";
import { put, range, TestMachine } from "../state-machine/machine.test-support.js";
import { bytesOf, readBounded } from "./bounded-read.js";

function machineOf(count: number, valueBytes: number): TestMachine {
  const test = new TestMachine();
  for (let i = 0; i < count; i++) {
    const key = `/d/${String(i).padStart(5, "0")}`;
    test.run({ ...put(key), value: new Uint8Array(valueBytes) });
  }
  return test;
}

const whole = range("/d/", { end: "/d0", limit: 10_000 });
const children = { ...whole, childrenOf: "/d/" };

describe("a bounded read", () => {
  it.each([
    ["flat", whole],
    ["children", children],
  ] as const)("of a %s range is cut by bytes, and its pages are all of it", (_, wanted) => {
    const { machine } = machineOf(100, 1_000);
    const seen: string[] = [];
    for (let key = wanted.key, more = true; more; ) {
      const page = readBounded(machine, { ...wanted, key }, 10_000);
      if (page.kind === "error") throw new Error(page.message);
      expect(page.entries.reduce((sum, entry) => sum + bytesOf(entry), 0)).toBeLessThanOrEqual(10_000);
      seen.push(...page.entries.map((entry) => entry.key));
      more = page.more;
      key = `${seen.at(-1)}\0`;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => `/d/${String(i).padStart(5, "0")}`));
  });

  it("of the past does not walk past its page to count what is there", () => {
    const { machine } = machineOf(500, 1);
    const { revision } = machine;
    machine.apply(machine.appliedIndex + 1, 1, [
      { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body: put("/later") },
    ]);
    const page = readBounded(machine, { ...whole, limit: 20, revision }, 1_000_000);
    expect(page).toMatchObject({ kind: "range", more: true, count: 4 });
    expect(page.kind === "range" ? page.entries.length : 0).toBe(20);
    expect(readBounded(machine, { ...whole, limit: 500, revision }, 1_000_000)).toMatchObject({
      more: false,
    });
  });

  it("has one entry at least, however large", () => {
    const { machine } = machineOf(2, 5_000);
    expect(readBounded(machine, whole, 10)).toMatchObject({ entries: [{ key: "/d/00000" }], more: true });
  });

  it("keeps to the range's own limit, and says whether there is more", () => {
    const { machine } = machineOf(100, 1);
    expect(readBounded(machine, { ...whole, limit: 70 }, 1e6)).toMatchObject({ more: true });
    const exact = readBounded(machine, { ...whole, limit: 100 }, 1e6);
    expect(exact.kind === "range" && [exact.entries.length, exact.more]).toEqual([100, false]);
    expect(readBounded(machine, range("/none", { end: "/nonf", limit: 5 }), 1e6)).toMatchObject({
      entries: [],
      more: false,
    });
  });

  it("fetches a few at a time, so that large ones beyond the bound are not fetched at all", () => {
    const { machine } = machineOf(1_000, 1_000);
    let fetched = 0;
    const counting = {
      read: (wanted: typeof whole) => {
        const page = machine.read(wanted);
        if (page.kind === "range") fetched += page.entries.length;
        return page;
      },
    };
    readBounded(counting, whole, 10_000);
    expect(fetched).toBe(16);
  });
});
