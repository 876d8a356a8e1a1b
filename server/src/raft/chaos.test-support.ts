import {
  type CrashPoint,
  type Envelope,
  inWords,
  Network,
  type Node,
  seeded,
} from "./network.test-support.js";

/** Ids that a cluster may use up: each is of one node only. */
const IDS_MAX = 9;
/** Messages kept to be delivered again much later. */
const REPLAYS_MAX = 200;

/** What happened in a run, since a run in which nothing happened proves nothing. */
export interface ChaosCounts {
  applied: number;
  terms: number;
  changes: number;
  transfers: number;
  snapshots: number;
  lostWrites: number;
  reads: number;
}

/**
 * Runs a cluster under loss, reordering, duplication, replay, partitions, crashes that lose what is not on the disk, slow
 * disks, log cuts, membership changes and transfers, and checks what Figure 3 of the paper promises at each step.
 */
export class Chaos {
  readonly network: Network;
  readonly counts: ChaosCounts = {
    applied: 0,
    terms: 0,
    changes: 0,
    transfers: 0,
    snapshots: 0,
    lostWrites: 0,
    reads: 0,
  };
  private readonly random: () => number;
  private readonly leaders = new Map<number, number>();
  /** What was applied at each index, anywhere. */
  private readonly history = new Map<number, string>();
  /** The entry of each index and term that was on a disk, and the term before it. */
  private readonly entries = new Map<string, string>();
  private readonly commits = new Map<number, { raft: Node["raft"]; commit: number }>();
  /** Of each read, by context: the highest index applied anywhere when it began. */
  private readonly readsBegun = new Map<number, number>();
  private readonly replays: Envelope[] = [];
  /** Nodes that applied their own removal, and stopped. */
  private readonly retired = new Set<number>();
  private nextContext = 1;
  private proposed = 0;
  private highestApplied = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
    this.network = new Network([1, 2, 3, 3, 4, 5][Math.floor(this.random() * 6)] ?? 3, seed + 1);
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }

  private pickAlive(): Node | undefined {
    const id = this.pick(this.network.aliveIds);
    return id === undefined ? undefined : this.network.node(id);
  }

  step(): void {
    const { network } = this;
    const dice = this.random();
    if (dice < 0.22) this.pickAlive()?.raft.tick();
    else if (dice < 0.6) this.deliverSome();
    else if (dice < 0.72) this.propose();
    else if (dice < 0.75) this.changeMembership();
    else if (dice < 0.76) this.transfer();
    else if (dice < 0.79) this.read();
    else if (dice < 0.81) this.faultLinks();
    else if (dice < 0.84) network.heal();
    else if (dice < 0.85) this.crash();
    else if (dice < 0.89) this.restart();
    else if (dice < 0.92) this.cut();
    else if (dice < 0.94) this.toggleDisk();
    else this.flushSome();
    for (const id of network.aliveIds) if (this.random() < 0.5) network.work(id);
    this.check();
  }

  private deliverSome(): void {
    const { network } = this;
    for (let i = 0; i < 5 && network.inTransit.length > 0; i++) {
      const at = Math.floor(this.random() * Math.min(network.inTransit.length, 8));
      const envelope = network.inTransit[at];
      if (envelope === undefined) continue;
      if (this.random() < 0.03) {
        network.lose((other) => other === envelope);
        continue;
      }
      if (this.random() < 0.95) network.inTransit.splice(at, 1);
      if (this.random() < 0.1) this.replays[Math.floor(this.random() * REPLAYS_MAX)] = envelope;
      this.deliver(envelope);
    }
    if (this.random() < 0.02) {
      const replay = this.pick(this.replays);
      if (replay !== undefined) this.deliver(replay);
    }
  }

  private deliver(envelope: Envelope): void {
    this.network.deliver(envelope);
    this.network.work(envelope.to);
    if (envelope.message.kind === "installSnapshot") this.counts.snapshots++;
  }

  private leader(): Node | undefined {
    return this.pick(
      this.network.aliveIds.map((id) => this.network.node(id)).filter(({ raft }) => raft.isLeader),
    );
  }

  private propose(): void {
    const leader = this.leader();
    if (leader === undefined) return;
    leader.raft.propose(Uint8Array.from(`c${this.proposed++}`, (char) => char.charCodeAt(0)));
  }

  private changeMembership(): void {
    const { network } = this;
    const leader = this.leader();
    if (leader === undefined) return;
    const { members } = leader.raft.configuration;
    const dice = this.random();
    const id = network.nodes.size + 1;
    const known = this.pick(members)?.id ?? 0;
    if (dice < 0.3 && id <= IDS_MAX) {
      if (network.addLearner(leader.id, id).accepted) {
        network.join(id);
        this.counts.changes++;
      }
    } else if (dice < 0.8) {
      const learner = members.find(({ role }) => role === "learner")?.id ?? known;
      if (leader.raft.changeMembership({ kind: "promote", id: learner }).accepted) this.counts.changes++;
    } else if (leader.raft.changeMembership({ kind: "remove", id: known }).accepted) {
      this.counts.changes++;
    }
  }

  private transfer(): void {
    const leader = this.leader();
    const to = this.pick(leader?.raft.configuration.members ?? [])?.id ?? 0;
    if (leader?.raft.transferLeadership(to).accepted === true) this.counts.transfers++;
  }

  private read(): void {
    const node = this.pickAlive();
    if (node === undefined) return;
    const context = this.nextContext++;
    this.readsBegun.set(context, this.highestApplied);
    node.raft.readIndex(context);
  }

  private faultLinks(): void {
    const cut = new Set<string>();
    const ids = [...this.network.nodes.keys()];
    for (const from of ids) for (const to of ids) if (this.random() < 0.35) cut.add(`${from}-${to}`);
    this.network.lost = ({ from, to }) => cut.has(`${from}-${to}`);
  }

  private crash(): void {
    const node = this.pickAlive();
    if (node === undefined) return;
    if (node.disk.some(({ persist }) => persist !== undefined)) this.counts.lostWrites++;
    this.network.crash(node.id);
  }

  private restart(): void {
    for (const node of this.network.nodes.values()) {
      if (!node.alive && !this.retired.has(node.id) && this.random() < 0.5) this.restartOne(node);
    }
  }

  /** What the state machine had not written to disk itself is applied again from the log. */
  private restartOne(node: Node): void {
    const low = node.storage.position.index;
    const applied = low + Math.floor(this.random() * (node.appliedIndex - low + 1));
    this.commits.delete(node.id);
    this.network.restart(node.id, applied);
  }

  private cut(): void {
    const node = this.pickAlive();
    if (node === undefined || node.appliedIndex <= node.storage.position.index + 3) return;
    // The state machine's own writes come before the cut.
    if (node.disk.some(({ persist }) => persist?.snapshot !== undefined)) return;
    node.raft.cut(node.storage.cut(node.appliedIndex - 2));
  }

  private toggleDisk(): void {
    const node = this.pickAlive();
    if (node === undefined) return;
    node.slow = !node.slow && this.random() < 0.7;
    if (!node.slow) this.network.flush(node.id);
  }

  private flushSome(): void {
    const node = this.pickAlive();
    if (node === undefined) return;
    const points: readonly CrashPoint[] = ["afterSnapshot", "beforeReport", "beforeAnswer"];
    const crash = this.random() < 0.05 ? this.pick(points) : undefined;
    this.network.flush(node.id, 1 + Math.floor(this.random() * 3), crash);
  }

  private check(): void {
    for (const node of this.network.nodes.values()) {
      this.checkApplied(node);
      if (!node.alive) continue;
      this.checkElectionSafety(node);
      this.checkMonotonic(node);
      this.checkReads(node);
      this.retireIfRemoved(node);
    }
    if (this.random() < 0.05) {
      for (const node of this.network.nodes.values()) {
        this.checkLogMatching(node);
        if (node.alive) this.checkAcknowledged(node);
      }
    }
  }

  /** One that needs nobody's vote leads before its disk knows the term, and says nothing until then: a crash undoes it. */
  private checkElectionSafety({ id, raft, storage }: Node): void {
    if (!raft.isLeader || storage.hardState().term < raft.term) return;
    const other = this.leaders.get(raft.term);
    if (other !== undefined && other !== id) throw new Error(`two leaders in term ${raft.term}`);
    this.leaders.set(raft.term, id);
    this.counts.terms = this.leaders.size;
  }

  private readonly checkedTo = new Map<number, ReadonlyMap<number, unknown>>();
  private readonly checkedIndex = new Map<number, number>();

  /** State machine safety: one entry an index, everywhere and for ever. */
  private checkApplied({ id, applied, appliedIndex }: Node): void {
    const from = this.checkedTo.get(id) === applied ? (this.checkedIndex.get(id) ?? 0) : 0;
    for (let index = from + 1; index <= appliedIndex; index++) {
      const entry = applied.get(index);
      if (entry === undefined) throw new Error(`node ${id} did not apply ${index}`);
      const known = this.history.get(index);
      if (known === undefined) this.history.set(index, inWords(entry));
      else if (known !== inWords(entry)) throw new Error(`index ${index} is ${known} and ${inWords(entry)}`);
    }
    this.checkedTo.set(id, applied);
    this.checkedIndex.set(id, appliedIndex);
    this.highestApplied = Math.max(this.highestApplied, appliedIndex);
    this.counts.applied = this.history.size;
  }

  private checkMonotonic({ id, raft }: Node): void {
    const { commitIndex } = raft.status();
    const before = this.commits.get(id);
    if (before?.raft === raft && commitIndex < before.commit) throw new Error(`node ${id} uncommitted`);
    this.commits.set(id, { raft, commit: commitIndex });
  }

  /** A read sees whatever was applied anywhere when it began. */
  private checkReads({ id, reads }: Node): void {
    for (const { context, index } of reads.splice(0)) {
      if (index === undefined) continue;
      this.counts.reads++;
      const begun = this.readsBegun.get(context) ?? 0;
      if (index < begun) throw new Error(`a read of node ${id} at ${index} misses ${begun}`);
    }
  }

  /** Log matching: an index and a term stand for one entry, and one entry before it. */
  private checkLogMatching({ id, storage }: Node): void {
    let before = storage.position.term;
    for (const entry of storage.log) {
      const key = `${entry.index}/${entry.term}`;
      const words = `${before} then ${inWords(entry)}`;
      const known = this.entries.get(key) ?? words;
      if (known !== words) throw new Error(`entry ${key} of node ${id}: ${words}, elsewhere ${known}`);
      this.entries.set(key, words);
      before = entry.term;
    }
  }

  /** What the newest leader believes to be on a follower's disk is there. */
  private checkAcknowledged({ id, raft }: Node): void {
    const nodes = [...this.network.nodes.values()];
    if (!raft.isLeader || nodes.some((other) => other.raft.term > raft.term)) return;
    for (const follower of raft.followers()) {
      const last = this.network.node(follower.id).storage.lastIndex();
      if (last < follower.matchIndex) {
        throw new Error(`leader ${id} believes node ${follower.id} to hold ${follower.matchIndex}: ${last}`);
      }
    }
  }

  /** The driver stops a node that applied its own removal; not always, since it may not get to that. */
  private retireIfRemoved(node: Node): void {
    const { configuration, index } = this.network.configurationAt(node, node.appliedIndex);
    const wasMember = index > 0 && configuration.members.length > 0;
    if (!wasMember || configuration.members.some(({ id }) => id === node.id)) return;
    // One that joins meets configurations from before its time.
    const everMember = [...node.applied.values()].some(
      (entry) => entry.kind === "configuration" && inWords(entry).includes(`"id":${node.id},`),
    );
    if (!everMember || this.random() < 0.97) return;
    this.retired.add(node.id);
    this.network.crash(node.id);
  }

  /** Everything heals: within a bounded time all members must have applied the same. */
  converge(): void {
    const { network } = this;
    network.heal();
    for (const node of network.nodes.values()) {
      if (!node.alive && !this.retired.has(node.id)) this.restartOne(node);
      node.slow = false;
      network.flush(node.id);
    }
    network.lose(() => true);
    for (let i = 0; i < 300; i++) network.tick(network.nodes.keys());
    this.check();
    const leader = this.leader();
    if (leader === undefined) throw new Error("no leader after healing");
    network.propose(leader.id, "last");
    network.tick(network.nodes.keys(), 10);
    this.check();
    for (const { id } of leader.raft.configuration.members) {
      if (network.commands(id).at(-1) !== "last") throw new Error(`node ${id} did not catch up`);
    }
  }
}
