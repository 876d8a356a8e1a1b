import { describe, expect, it } from "vitest";
import { bounds } from "../config.js";
import { put, TestMachine } from "../state-machine/machine.test-support.js";
import { type AgreementMessage, StateAgreement } from "./state-agreement.js";
import type { StateDivergence } from "./state-divergence.js";

/** Nodes with machines of their own, that talk at once; a node that stops is cut off, and its error kept. */
class Nodes {
  readonly stopped = new Map<number, StateDivergence>();
  readonly machines = new Map<number, TestMachine>();
  readonly agreements = new Map<number, StateAgreement>();
  readonly down = new Set<number>();
  leader = 1;
  nowMs = 0;
  private readonly inFlight: { from: number; to: number; message: AgreementMessage }[] = [];

  constructor(count: number, voters: number = count) {
    const ids = Array.from({ length: count }, (_, at) => at + 1);
    for (const id of ids) {
      this.machines.set(id, new TestMachine());
      this.agreements.set(
        id,
        new StateAgreement({
          self: id,
          leader: () => this.leader,
          voters: () => ids.slice(0, voters),
          others: () => ids.filter((other) => other !== id),
          send: (to, message) => this.inFlight.push({ from: id, to, message }),
          intervalMs: 100,
          patienceMs: 1_000,
        }),
      );
    }
  }

  /** Every node that is up applies the same entry; `corrupt` first changes something behind the log's back. */
  apply(corrupt: readonly number[] = [], lagging: readonly number[] = []): void {
    for (const [id, t] of this.machines) {
      if (this.down.has(id) || lagging.includes(id)) continue;
      this.applyAt(id, corrupt.includes(id) ? `bad${id > 3 ? "" : id}` : "good");
      expect(t.machine.appliedIndex).toBeGreaterThan(0);
    }
  }

  applyAt(id: number, value: string): void {
    const t = this.machines.get(id);
    if (t === undefined) throw new Error("no such node");
    t.run(put("/k", value));
    this.agreements.get(id)?.applied(t.machine.appliedIndex, t.machine.hash);
    this.deliver();
  }

  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 50;
      for (const [id, agreement] of this.agreements) this.guarded(id, () => agreement.tick(this.nowMs));
      this.deliver();
    }
  }

  private deliver(): void {
    for (let next = this.inFlight.shift(); next !== undefined; next = this.inFlight.shift()) {
      const { from, to, message } = next;
      if (this.down.has(from)) continue;
      this.guarded(to, () => this.agreements.get(to)?.receive(from, message, this.nowMs));
    }
  }

  private guarded(id: number, work: () => void): void {
    if (this.down.has(id)) return;
    try {
      work();
    } catch (error) {
      this.stopped.set(id, error as StateDivergence);
      this.down.add(id);
    }
  }
}

describe("states that differ", () => {
  it("stop nobody while they are the same", () => {
    const nodes = new Nodes(3);
    for (let n = 0; n < 50; n += 1) {
      nodes.apply();
      nodes.pass(200);
    }
    expect(nodes.stopped.size).toBe(0);
  });

  it("stop the follower that is alone, for certain, and say where and what", () => {
    const nodes = new Nodes(3);
    nodes.apply();
    nodes.apply([2]);
    nodes.pass(200);
    expect([...nodes.stopped.keys()]).toEqual([2]);
    const error = nodes.stopped.get(2);
    expect(error?.certain).toBe(true);
    const own = nodes.machines.get(2)?.machine.hash ?? "";
    const other = nodes.machines.get(1)?.machine.hash ?? "";
    expect(error?.message).toContain(`index 2 has hash ${own}`);
    expect(error?.message).toContain(`a majority of the voters has ${other}`);
    expect(error?.message).toContain("empty --data-dir");
  });

  it("stop the leader when it is the one that is alone", () => {
    const nodes = new Nodes(5);
    nodes.apply([1]);
    nodes.pass(200);
    expect([...nodes.stopped.keys()]).toEqual([1]);
    expect(nodes.stopped.get(1)?.certain).toBe(true);
    nodes.leader = 2;
    nodes.apply();
    nodes.pass(3_000);
    expect(nodes.stopped.size).toBe(1);
  });

  it("stop a learner, whose state does not count", () => {
    const nodes = new Nodes(4, 3);
    nodes.apply([4]);
    nodes.pass(200);
    expect([...nodes.stopped.keys()]).toEqual([4]);
  });

  it("stop those that differ from the leader when no majority can decide, but not for certain", () => {
    const nodes = new Nodes(3);
    nodes.down.add(3);
    nodes.apply([2]);
    nodes.pass(800);
    expect(nodes.stopped.size).toBe(0);
    nodes.pass(800);
    expect([...nodes.stopped.keys()]).toEqual([2]);
    expect(nodes.stopped.get(2)?.certain).toBe(false);
    expect(nodes.stopped.get(2)?.message).toContain("nobody knows yet which is right");
  });

  it("are found at a follower that applies the entry later", () => {
    const nodes = new Nodes(3);
    nodes.apply([], [3]);
    nodes.pass(200);
    nodes.applyAt(3, "bad");
    expect([...nodes.stopped.keys()]).toEqual([3]);
  });

  it("are found after a snapshot that brought no entries", () => {
    const nodes = new Nodes(3);
    const lagging = nodes.agreements.get(3);
    for (let n = 0; n < 5; n += 1) nodes.apply([], [3]);
    nodes.pass(200);
    lagging?.applied(5, "0000000000000000");
    nodes.pass(200);
    expect([...nodes.stopped.keys()]).toEqual([3]);
  });

  it("are remembered within bounds, whatever does not answer", () => {
    const nodes = new Nodes(3);
    const silent = nodes.agreements.get(3);
    for (let n = 0; n < bounds.stateSamplesKept * 3; n += 1) {
      nodes.apply([], [3]);
      nodes.pass(100);
    }
    // Of the samples that it waits for, the oldest were dropped: it differs at one of those, unseen.
    const asked: number[] = [];
    const counting = new StateAgreement({
      self: 3,
      leader: () => 1,
      voters: () => [1, 2, 3],
      others: () => [],
      send: (_to, { index }) => asked.push(index),
      intervalMs: 100,
      patienceMs: 1_000,
    });
    for (let index = 1; index <= 200; index += 1) counting.receive(1, { kind: "sample", index, hash: "" }, 0);
    for (let index = 1; index <= 200; index += 1) counting.applied(index, String(index));
    expect(asked).toHaveLength(bounds.stateSamplesKept);
    expect(asked[0]).toBe(200 - bounds.stateSamplesKept + 1);
    expect(silent).toBeDefined();
  });

  it("are no reason to heed a node that does not lead", () => {
    const nodes = new Nodes(3);
    nodes.apply();
    const verdict = { kind: "verdict", index: 1, hash: "other", majority: true } as const;
    expect(() => nodes.agreements.get(3)?.receive(2, verdict, 0)).not.toThrow();
    expect(() => nodes.agreements.get(3)?.receive(1, verdict, 0)).toThrow("state of this node at index 1");
  });
});
