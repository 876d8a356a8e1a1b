import { describe, expect, test } from "vitest";
import { Network, seeded } from "./network.test-support.js";

/** Runs a cluster under loss, reordering, duplication, partitions, crashes and log cuts, checking safety at each step. */
class Chaos {
  readonly network: Network;
  readonly leaders = new Map<number, number>();
  readonly history = new Map<number, string>();
  readonly random: () => number;
  readonly count: number;
  proposed = 0;
  reads = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
    this.count = this.random() < 0.5 ? 3 : 5;
    this.network = new Network(this.count, seed + 1);
  }

  pick(): number {
    return 1 + Math.floor(this.random() * this.count);
  }

  step(): void {
    const { network } = this;
    const dice = this.random();
    if (dice < 0.25) network.member(this.pick()).raft.tick();
    else if (dice < 0.65) this.deliverSome();
    else if (dice < 0.8) this.propose();
    else if (dice < 0.82) this.faultLinks();
    else if (dice < 0.85) network.heal();
    else if (dice < 0.86) network.crash(this.pick());
    else if (dice < 0.9) this.restart();
    else if (dice < 0.93) this.cut();
    else this.work(this.pick());
    this.check();
  }

  private deliverSome(): void {
    const { network } = this;
    for (let i = 0; i < 4 && network.inTransit.length > 0; i++) {
      const at = Math.floor(this.random() * Math.min(network.inTransit.length, 6));
      const [envelope] =
        this.random() < 0.95 ? network.inTransit.splice(at, 1) : network.inTransit.slice(at, at + 1);
      if (envelope === undefined || this.random() < 0.03) continue;
      network.deliver(envelope);
      this.work(envelope.to);
    }
  }

  private work(id: number): void {
    const dice = this.random();
    this.network.work(id, dice < 0.003 ? "persist" : dice < 0.006 ? "answer" : undefined);
  }

  private propose(): void {
    const member = this.network.member(this.pick());
    if (!member.alive || !member.raft.isLeader) return;
    this.network.propose(member.id, `c${this.proposed++}`);
    this.work(member.id);
  }

  private faultLinks(): void {
    const cut = new Set<string>();
    for (let from = 1; from <= this.count; from++) {
      for (let to = 1; to <= this.count; to++) if (this.random() < 0.35) cut.add(`${from}-${to}`);
    }
    this.network.lost = ({ from, to }) => cut.has(`${from}-${to}`);
  }

  private restart(): void {
    for (const member of this.network.members.values()) {
      if (!member.alive && this.random() < 0.5) this.network.restart(member.id);
    }
  }

  private cut(): void {
    const member = this.network.member(this.pick());
    if (!member.alive || member.appliedIndex <= member.storage.position.index + 3) return;
    member.raft.cut(member.storage.cut(member.appliedIndex - 2));
  }

  private check(): void {
    for (const member of this.network.members.values()) {
      if (member.alive && member.raft.isLeader) {
        const { term } = member.raft;
        const other = this.leaders.get(term);
        if (other !== undefined && other !== member.id) throw new Error(`two leaders in term ${term}`);
        this.leaders.set(term, member.id);
      }
      for (const [index, text] of member.applied) {
        const known = this.history.get(index);
        if (known === undefined) this.history.set(index, text);
        else if (known !== text) throw new Error(`index ${index} is ${known} and ${text}`);
      }
    }
  }

  /** Everything heals: within a bounded time all nodes must have applied the same. */
  converge(): void {
    const { network } = this;
    network.heal();
    for (const member of network.members.values()) if (!member.alive) network.restart(member.id);
    network.inTransit = [];
    for (let i = 0; i < 300; i++) network.tick(network.members.keys());
    const leader = [...network.members.values()].find((member) => member.raft.isLeader);
    if (leader === undefined) throw new Error("no leader after healing");
    network.propose(leader.id, "last");
    network.tick(network.members.keys(), 5);
    this.check();
    for (const member of network.members.values()) {
      if (network.commands(member.id).at(-1) !== "last")
        throw new Error(`node ${member.id} did not catch up`);
    }
  }
}

describe("safety under faults (paper, Figure 3)", () => {
  test("one leader a term, one command an index, and progress once healed, for 300 seeds", () => {
    let applied = 0;
    let terms = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const chaos = new Chaos(seed);
      try {
        for (let i = 0; i < 1_500; i++) chaos.step();
        chaos.converge();
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
      applied += chaos.history.size;
      terms += chaos.leaders.size;
    }
    // A run in which nothing happened proves nothing.
    expect(applied).toBeGreaterThan(5_000);
    expect(terms).toBeGreaterThan(900);
  });
});
