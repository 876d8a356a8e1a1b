import { describe, expect, it } from "vitest";
import { interleaved, type Waiting } from "./backlog.js";
import { Process } from "./process.js";
import { Random } from "./random.js";
import { World } from "./world.js";

const lanes = [undefined, {}, {}] as const;

/** Nine events that waited, three of each lane, told apart by their numbers. */
function backlog(): { readonly waiting: readonly Waiting[]; readonly numbers: Map<Waiting, number> } {
  const waiting = Array.from(
    { length: 9 },
    (_, i): Waiting => ({ lane: lanes[i % 3], run: () => undefined }),
  );
  return { waiting, numbers: new Map(waiting.map((each, i) => [each, i])) };
}

describe("what a process finds that stood still", () => {
  it("comes in the order of each connection, and of its own timers, and is all there", () => {
    for (let seed = 0; seed < 200; seed++) {
      const { waiting, numbers } = backlog();
      const order = interleaved(waiting, new Random(seed)).map((each) => numbers.get(each) ?? -1);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      for (const lane of [0, 1, 2]) {
        expect(order.filter((number) => number % 3 === lane)).toEqual([lane, lane + 3, lane + 6]);
      }
    }
  });

  it("comes in many orders across connections, that of arrival among them", () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { waiting, numbers } = backlog();
      orders.add(
        interleaved(waiting, new Random(seed))
          .map((each) => numbers.get(each))
          .join(""),
      );
    }
    expect(orders.size).toBeGreaterThan(50);
    expect(orders).toContain("012345678");
    // The timers, then one connection after the other.
    expect(orders).toContain("036147258");
    expect(orders).toContain("036258147");
  });

  it("is put in such an order when a pause ends, once", () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const world = new World();
      const process = new Process("n1", new Random(seed), 0, (error) => {
        throw error;
      });
      const done: string[] = [];
      world.pause(process);
      for (const [i, lane] of lanes.entries()) {
        world.at(1 + i, process, "arrives", () => done.push(`${i}`), undefined, lane);
        world.at(11 + i, process, "arrives", () => done.push(`${i}`), undefined, lane);
      }
      world.at(20, undefined, "resume", () => world.resume(process));
      world.at(21, process, "later", () => done.push("later"));
      world.run(30, () => false);
      expect(done).toHaveLength(7);
      expect(done.at(-1)).toBe("later");
      orders.add(done.join(" "));
    }
    expect(orders.size).toBeGreaterThan(10);
  });
});
