import {
  type Configuration,
  type ConfigurationAt,
  decodeConfiguration,
  type LogEntry,
  type MembershipChangeResult,
  type Message,
  type Outgoing,
  type Persist,
  Raft,
  type ReadState,
} from "./index.js";
import { MemoryStorage } from "./storage.test-support.js";

/** A reproducible source of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Envelope extends Outgoing {
  readonly from: number;
}

/** A write on its way to a disk, and what may be sent once it, and every one before it, is there. */
interface DiskWork {
  readonly persist: Persist | undefined;
  readonly afterPersist: readonly Outgoing[];
}

/** Where in a write a node dies: with the snapshot installed only, or with all of it done but nobody told. */
export type CrashPoint = "afterSnapshot" | "beforeReport" | "beforeAnswer";

/** A node, its disk and its state machine. */
export interface Node {
  readonly id: number;
  raft: Raft;
  readonly storage: MemoryStorage;
  /** Its disk answers only when the test says so. */
  slow: boolean;
  /** Writes not yet done, oldest first. A crash loses them. */
  disk: DiskWork[];
  /** Every applied entry, by index: the state machine. */
  applied: Map<number, LogEntry>;
  appliedIndex: number;
  reads: ReadState[];
  alive: boolean;
  /** As of index 0: empty on a node that joins. */
  readonly initial: Configuration;
}

export const encode = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
export const decode = (data: Uint8Array): string => String.fromCharCode(...data);

/** How a state machine remembers an entry: enough to tell any two apart. */
export const inWords = ({ term, kind, data }: LogEntry): string => `${term}:${kind}:${decode(data)}`;

const member = (id: number, role: "voter" | "learner"): Configuration["members"][number] => ({
  id,
  name: `n${id}`,
  address: `host${id}:7401`,
  role,
});

/** Some nodes and the messages between them: nothing moves unless the test says so. */
export class Network {
  readonly nodes = new Map<number, Node>();
  inTransit: Envelope[] = [];
  /** Whether a message is lost on its way. */
  lost: (envelope: Envelope) => boolean = () => false;
  private readonly randomFor: (id: number) => () => number;
  /** What each snapshot on its way holds, by "index/term". */
  private readonly snapshots = new Map<string, ReadonlyMap<number, LogEntry>>();

  /** Voters 1 to `count`. `random` is a seed, or the source of each node's timeouts. */
  constructor(count: number, random: number | ((id: number) => () => number) = 1) {
    const shared = seeded(typeof random === "number" ? random : 0);
    this.randomFor = typeof random === "number" ? () => shared : random;
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const initial = { members: ids.map((id) => member(id, "voter")) };
    for (const id of ids) this.start(id, initial);
  }

  /** Starts a node that is to join: it knows nothing. */
  join(id: number): Node {
    return this.start(id, { members: [] });
  }

  private start(id: number, initial: Configuration): Node {
    const storage = new MemoryStorage();
    const node: Node = {
      id,
      storage,
      raft: this.boot(id, storage, { index: 0, configuration: initial }, 0),
      slow: false,
      disk: [],
      applied: new Map(),
      appliedIndex: 0,
      reads: [],
      alive: true,
      initial,
    };
    this.nodes.set(id, node);
    return node;
  }

  private boot(id: number, storage: MemoryStorage, configuration: ConfigurationAt, applied: number): Raft {
    const config = {
      id,
      configuration,
      electionTicks: 10,
      heartbeatTicks: 2,
      appendBytesMax: 64,
      inflightMessagesMax: 4,
      inflightBytesMax: 256,
      uncommittedBytesMax: 10_000,
      cacheBytesMax: 256,
      random: this.randomFor(id),
    };
    return new Raft(config, storage, applied);
  }

  node(id: number): Node {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  get aliveIds(): number[] {
    return [...this.nodes.values()].filter(({ alive }) => alive).map(({ id }) => id);
  }

  /** What the state machine of a node knows of the configuration at `index`. */
  configurationAt(node: Node, index: number): ConfigurationAt {
    for (let at = index; at > 0; at--) {
      const entry = node.applied.get(at);
      if (entry?.kind === "configuration") {
        return { index: at, configuration: decodeConfiguration(entry.data) };
      }
    }
    return { index: 0, configuration: node.initial };
  }

  /** A node starts again with what is on its disk, its state machine as it was at `applied`. */
  restart(id: number, applied = this.node(id).appliedIndex): void {
    const node = this.node(id);
    node.applied = new Map([...node.applied].filter(([index]) => index <= applied));
    node.appliedIndex = applied;
    node.raft = this.boot(id, node.storage, this.configurationAt(node, applied), applied);
    node.alive = true;
    node.reads = [];
  }

  crash(id: number): void {
    const node = this.node(id);
    node.alive = false;
    node.disk = [];
    this.lose(({ to }) => to === id);
  }

  /** Messages on their way are lost. The sender of a snapshot is told so: that is not one message in reality. */
  lose(isLost: (envelope: Envelope) => boolean): void {
    const lost = this.inTransit.filter(isLost);
    this.inTransit = this.inTransit.filter((envelope) => !isLost(envelope));
    for (const envelope of lost) this.reportSnapshot(envelope, 0);
  }

  private reportSnapshot({ from, to, message }: Envelope, index: number): void {
    const { alive, raft } = this.node(from);
    if (message.kind === "installSnapshot" && alive && raft.term === message.term) {
      raft.reportSnapshot(to, index);
    }
  }

  /** Does all the work that a node asks for; the writes of a slow disk are left undone. */
  work(id: number): void {
    const node = this.node(id);
    while (node.alive && node.raft.hasReady) this.takeReady(node);
  }

  private takeReady(node: Node): void {
    const ready = node.raft.ready(1_000);
    this.post(node.id, ready.messages);
    if (ready.persist !== undefined || ready.afterPersist.length > 0) {
      node.disk.push({ persist: ready.persist, afterPersist: ready.afterPersist });
    }
    // What waits for no write is not held up.
    if (!node.slow || node.disk.every(({ persist }) => persist === undefined)) this.flush(node.id);
    for (const entry of ready.committed) this.apply(node, entry);
    node.reads.push(...ready.reads);
    for (const peer of ready.snapshotsTo) this.sendSnapshot(node, peer, ready.term);
  }

  /** A node's disk does the oldest `count` of its writes. With `crash`, the node dies at that point of the last one. */
  flush(id: number, count = Number.POSITIVE_INFINITY, crash?: CrashPoint): void {
    const node = this.node(id);
    for (let done = 0; done < count; done++) {
      const work = node.disk.shift();
      if (work === undefined) return;
      const dies = crash !== undefined && (done === count - 1 || node.disk.length === 0);
      if (work.persist !== undefined) this.write(node, work.persist, dies && crash === "afterSnapshot");
      if (dies && crash !== "beforeAnswer") return this.crash(id);
      const last = work.persist?.entries[work.persist.entries.length - 1];
      if (last !== undefined) node.raft.persisted({ index: last.index, term: last.term });
      if (dies) return this.crash(id);
      this.post(id, work.afterPersist);
    }
  }

  private write(node: Node, { snapshot, hardState, entries }: Persist, snapshotOnly: boolean): void {
    if (snapshot !== undefined) {
      const state = this.snapshots.get(`${snapshot.index}/${snapshot.term}`);
      if (state === undefined) throw new Error(`nobody sent a snapshot at ${snapshot.index}`);
      node.applied = new Map(state);
      node.appliedIndex = snapshot.index;
      node.storage.reset(snapshot);
    }
    if (!snapshotOnly) node.storage.write(hardState, entries);
  }

  private apply(node: Node, entry: LogEntry): void {
    if (entry.index !== node.appliedIndex + 1) {
      throw new Error(`node ${node.id} applies ${entry.index} after ${node.appliedIndex}`);
    }
    if (entry.index > node.storage.lastIndex()) throw new Error(`applied ${entry.index} is not durable`);
    node.applied.set(entry.index, entry);
    node.appliedIndex = entry.index;
    node.raft.applied(entry.index);
  }

  private sendSnapshot(leader: Node, to: number, term: number): void {
    const lastIndex = leader.appliedIndex;
    const lastTerm = leader.applied.get(lastIndex)?.term ?? 0;
    this.snapshots.set(`${lastIndex}/${lastTerm}`, new Map(leader.applied));
    const configuration = leader.raft.configurationAsOf(lastIndex);
    this.post(leader.id, [
      { to, message: { kind: "installSnapshot", term, lastIndex, lastTerm, configuration } },
    ]);
  }

  private post(from: number, messages: readonly Outgoing[]): void {
    for (const { to, message } of messages) {
      const envelope = { from, to, message };
      if (this.nodes.get(to)?.alive === true && !this.lost(envelope)) this.inTransit.push(envelope);
      else this.reportSnapshot(envelope, 0);
    }
  }

  /** A message arrives. The sender of a snapshot is told so. */
  deliver(envelope: Envelope): void {
    const { from, to, message } = envelope;
    const node = this.node(to);
    if (node.alive) node.raft.step(from, message);
    const received = node.alive && message.kind === "installSnapshot" ? message.lastIndex : 0;
    this.reportSnapshot(envelope, received);
  }

  /** Delivers everything, and what it causes, until nothing moves. */
  settle(): void {
    for (let step = 0; step < 10_000; step++) {
      for (const id of this.nodes.keys()) this.work(id);
      const envelopes = this.inTransit;
      this.inTransit = [];
      if (envelopes.length === 0) return;
      for (const envelope of envelopes) this.deliver(envelope);
    }
    throw new Error("the network does not come to rest");
  }

  /** Time passes on these nodes, each tick's messages being delivered before the next. */
  tick(ids: Iterable<number>, times = 1): void {
    const ticking = [...ids];
    for (let i = 0; i < times; i++) {
      for (const id of ticking) if (this.node(id).alive) this.node(id).raft.tick();
      this.settle();
    }
  }

  /** Has this node elected: the others forget their leader in time, but do not stand themselves. */
  elect(id: number): void {
    const { lost } = this;
    this.lost = (envelope) =>
      lost(envelope) || (envelope.message.kind === "requestVote" && envelope.from !== id);
    for (let i = 0; i < 60 && !this.node(id).raft.isLeader; i++) this.tick(this.nodes.keys());
    this.lost = lost;
    if (!this.node(id).raft.isLeader) throw new Error(`node ${id} was not elected`);
  }

  propose(id: number, text: string): void {
    const proposal = this.node(id).raft.propose(encode(text));
    if (!proposal.accepted) throw new Error(`refused: ${proposal.reason}`);
  }

  addLearner(leader: number, id: number): MembershipChangeResult {
    const { name, address } = member(id, "learner");
    return this.node(leader).raft.changeMembership({ kind: "addLearner", id, name, address });
  }

  /** The commands that a node applied. */
  commands(id: number): string[] {
    return [...this.node(id).applied.values()]
      .filter(({ kind }) => kind === "commands")
      .map(({ data }) => decode(data));
  }

  isolate(...ids: number[]): void {
    this.lost = ({ from, to }) => ids.includes(from) !== ids.includes(to);
  }

  heal(): void {
    this.lost = () => false;
  }
}

export function isKind<Kind extends Message["kind"]>(kind: Kind): (envelope: Envelope) => boolean {
  return (envelope) => envelope.message.kind === kind;
}
