import { describe, expect, it } from "vitest";
import { Random } from "../world/random.js";
import { World } from "../world/world.js";
import { Network } from "./network.js";

const start = (): Network =>
  new Network(new World(), new Random(1), { baseMs: 1, jitterMs: 1, encoding: false });

describe("links", () => {
  it("stay blocked until everybody who blocked them has let go", () => {
    const network = start();
    const there = network.link("a", "b");
    const back = network.link("b", "a");
    const first = network.block([["a", "b"]]);
    const second = network.block([
      ["a", "b"],
      ["b", "a"],
    ]);
    first();
    first();
    expect([there.blocked, back.blocked]).toEqual([true, true]);
    second();
    expect([there.blocked, back.blocked]).toEqual([false, false]);
  });

  it("are as slow as the slowest that somebody wants", () => {
    const network = start();
    const link = network.link("a", "b");
    const first = network.slowDown([["a", "b", 300]]);
    const second = network.slowDown([["a", "b", 50]]);
    expect(link.extraMs).toBe(300);
    first();
    expect(link.extraMs).toBe(50);
    second();
    expect(link.extraMs).toBe(0);
  });

  it("are free of everything once they are healed, and stay so", () => {
    const network = start();
    const link = network.link("a", "b");
    const release = network.block([["a", "b"]]);
    network.slowDown([["a", "b", 300]]);
    network.heal();
    expect([link.blocked, link.extraMs]).toEqual([false, 0]);
    const later = network.block([["a", "b"]]);
    release();
    expect(link.blocked).toBe(true);
    later();
    expect(link.blocked).toBe(false);
  });
});
