import { beforeEach, describe, expect, test } from "vitest";
import { Hearing } from "./hearing.js";
import type { Message } from "./index.js";
import { Network } from "./network.test-support.js";

/** More ticks than an election timeout and two heartbeats. */
const PATIENCE = 15;

describe("a follower whose answers do not reach its leader", () => {
  let network: Network;

  beforeEach(() => {
    network = new Network(3);
    network.elect(1);
    network.propose(1, "a");
    network.tick([1, 2, 3], 30);
  });

  const cut = (from: number, to: number): void => {
    network.lost = (envelope) => envelope.from === from && envelope.to === to;
  };
  const readAt = (id: number): number | undefined => {
    network.node(id).reads = [];
    network.node(id).raft.readIndex(7);
    network.settle();
    return network.node(id).reads.length === 0 ? -1 : network.node(id).reads[0]?.index;
  };

  test("is heard while they do", () => {
    for (const id of [1, 2, 3])
      expect(network.node(id).raft).toMatchObject({ isLed: true, isUnheard: false, isHeard: true });
  });

  test("knows it within an election timeout, and follows on without an election", () => {
    const { term } = network.node(1).raft;
    cut(2, 1);
    network.tick([1, 2, 3], PATIENCE);
    expect(network.node(2).raft).toMatchObject({ leader: 1, isLed: false, isUnheard: true });
    network.tick([1, 2, 3], 200);
    expect(network.node(2).raft.status()).toMatchObject({ role: "follower", term, leader: 1, unheard: true });
    expect(network.node(3).raft).toMatchObject({ isLed: true, term });
    expect(network.node(1).raft).toMatchObject({ isLeader: true, isLed: true, isUnheard: false });
  });

  test("is refused a read at once, where one that is heard gets it", () => {
    cut(2, 1);
    network.tick([1, 2, 3], PATIENCE);
    expect(readAt(2)).toBeUndefined();
    expect(readAt(3)).toBeGreaterThan(0);
  });

  test("does not help others to depose a leader that it hears", () => {
    const { term } = network.node(1).raft;
    network.lost = ({ from, to }) => (from === 2 && to === 1) || (from === 1 && to === 3);
    network.tick([1, 2, 3], 60);
    expect(network.node(3).raft.isLeader).toBe(false);
    expect(network.node(1).raft.term).toBe(term);
  });

  test("is led again once they do reach it", () => {
    cut(2, 1);
    network.tick([1, 2, 3], 50);
    network.heal();
    network.tick([1, 2, 3], 5);
    expect(network.node(2).raft).toMatchObject({ isLed: true, isUnheard: false });
    expect(readAt(2)).toBeGreaterThan(0);
  });

  test("is not told that it is heard by heartbeats of before, however often they come", () => {
    const before: Message[] = [];
    network.lost = ({ to, message }) => {
      if (to === 2 && message.kind === "heartbeat") before.push(message);
      return false;
    };
    network.tick([1, 2, 3], 4);
    cut(2, 1);
    network.tick([1, 2, 3], PATIENCE);
    expect(before.length).toBeGreaterThan(0);
    for (const message of before) network.node(2).raft.step(1, message);
    expect(network.node(2).raft.isUnheard).toBe(true);
  });

  test("is not shown to be heard by a new leader before that has given something back", () => {
    cut(2, 3);
    network.node(1).raft.transferLeadership(3);
    network.settle();
    network.tick([1, 2, 3], 5);
    expect(network.node(3).raft.isLeader).toBe(true);
    expect(network.node(2).raft).toMatchObject({ leader: 3, isLed: true, isHeard: false });
    network.heal();
    network.tick([1, 2, 3], 5);
    expect(network.node(2).raft).toMatchObject({ leader: 3, isLed: true, isHeard: true });
  });

  test("begins anew with another leader", () => {
    cut(2, 1);
    network.tick([1, 2, 3], 50);
    network.heal();
    network.node(1).raft.transferLeadership(3);
    network.settle();
    expect(network.node(3).raft.isLeader).toBe(true);
    expect(network.node(2).raft).toMatchObject({ leader: 3, isUnheard: false });
  });

  test("believes itself heard, as ever, where the leader's version does not say", () => {
    const { raft } = network.node(2);
    const { term } = raft;
    network.isolate(2);
    for (let i = 0; i < 50; i++) {
      raft.tick();
      raft.step(1, { kind: "heartbeat", term, commitIndex: 1, readRound: 0, heardTick: undefined });
    }
    // What it had been told before counts on, since a leader's version does not change within a term.
    expect(raft.isUnheard).toBe(true);
    for (let i = 0; i < 50; i++) {
      raft.tick();
      raft.step(3, {
        kind: "heartbeat",
        term: term + 1,
        commitIndex: 1,
        readRound: 0,
        heardTick: undefined,
      });
    }
    expect(raft).toMatchObject({ leader: 3, isUnheard: false, isLed: true, isHeard: true });
  });
});

test("a leader that its followers do not hear steps down, though it hears them", () => {
  const network = new Network(3);
  network.elect(1);
  network.tick([1, 2, 3], 30);
  network.lost = ({ from }) => from === 1;
  network.tick([1, 2, 3], 60);
  expect(network.node(1).raft.isLeader).toBe(false);
  expect([2, 3].some((id) => network.node(id).raft.isLeader)).toBe(true);
});

describe("what a leader gives back", () => {
  const hearing = (random: number): Hearing =>
    new Hearing({ electionTicks: 10, heartbeatTicks: 2, random: () => random });

  test("counts when it is of this run of the process, and not when it is of an earlier one", () => {
    const [earlier, now] = [hearing(0.9), hearing(0.1)];
    now.follows(0);
    now.echoed(0, 1);
    expect(now.isLost(14)).toBe(false);
    expect(now.isLost(15)).toBe(true);
    now.echoed(earlier.numberOf(12), 15);
    expect(now.isLost(15)).toBe(true);
    now.echoed(now.numberOf(16), 15);
    expect(now.isLost(15)).toBe(true);
    now.echoed(now.numberOf(12), 15);
    expect(now.isLost(15)).toBe(false);
  });
});
