import { describe, expect, it } from "vitest";
import { Process } from "../world/process.js";
import { Random } from "../world/random.js";
import { World } from "../world/world.js";
import type { Connection } from "./connection.js";
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

  it("fail by who has dialled, too, and leave what the other one dials alone", () => {
    const network = start();
    const release = network.blockLanes([["a", "b", "there"]]);
    const slow = network.slowLanesDown([["b", "a", "back", 300]]);
    expect(network.lane("a", "b", "there").blocked).toBe(true);
    expect(network.lane("a", "b", "back").blocked).toBe(false);
    expect(network.lane("b", "a", "there").blocked).toBe(false);
    expect(network.link("a", "b").blocked).toBe(false);
    expect(network.lane("b", "a", "back").extraMs).toBe(300);
    release();
    slow();
    expect(network.lane("a", "b", "there").blocked).toBe(false);
    expect(network.lane("b", "a", "back").extraMs).toBe(0);
    network.blockLanes([["a", "b", "back"]]);
    network.heal();
    expect(network.lane("a", "b", "back").blocked).toBe(false);
  });
});

describe("connections", () => {
  const keepalive = { everyMs: 100, timeoutMs: 100 };

  /** Host a has dialled b; what each side got, and why it lost the connection. */
  function connected() {
    const network = start();
    const { world } = network;
    const [client, server] = ["a", "b"].map(
      (host) => new Process(host, new Random(2), world.nowMs, () => undefined),
    );
    if (client === undefined || server === undefined) throw new Error("no processes");
    const got: string[] = [];
    const lost: string[] = [];
    let connection: Connection | undefined;
    const handle = (process: Process, taken: Connection): void =>
      taken.handle(process, { broken: (reason) => lost.push(`${process.host}: ${reason}`) });
    network.listen("b:1", { process: server, keepalive, accept: (taken) => handle(server, taken) });
    const dial = (): void =>
      network.dial(client, "b:1", keepalive, (taken) => {
        if (taken === undefined) return;
        handle(client, taken);
        connection = taken;
      });
    dial();
    world.run(50, () => false);
    const send = (from: Process): void =>
      connection?.send(from, "message", () => got.push(`from ${from.host}`));
    return { network, world, client, server, got, lost, send, dial, connection: () => connection };
  }

  it("hold what one side sends while their lane is blocked, and deliver it then", () => {
    const { network, world, client, server, got, send } = connected();
    const release = network.blockLanes([["a", "b", "there"]]);
    send(client);
    send(server);
    world.run(100, () => false);
    expect(got).toEqual(["from b"]);
    release();
    world.run(1_000, () => false);
    expect(got).toEqual(["from b", "from a"]);
  });

  it("that were forgotten pass nothing, until each side finds out by its pings; new ones pass", () => {
    const { network, world, client, server, got, lost, send, dial, connection } = connected();
    const before = connection();
    expect(network.forget("a", "b")).toBe(1);
    send(client);
    send(server);
    world.run(120, () => false);
    expect([got, lost]).toEqual([[], []]);
    dial();
    world.run(140, () => false);
    expect(connection()).not.toBe(before);
    send(client);
    world.run(2_000, () => false);
    expect(got).toEqual(["from a"]);
    expect(lost.toSorted()).toEqual(["a: keepalive timed out", "b: keepalive timed out"]);
  });

  it("that are reset are lost at both ends at once", () => {
    const { network, world, lost } = connected();
    expect(network.reset("a", "b")).toBe(1);
    world.run(60, () => false);
    expect(lost.toSorted()).toEqual(["a: connection reset", "b: connection reset"]);
    expect(network.reset("a", "b")).toBe(0);
  });
});
