import type {
  HardState,
  LogEntry,
  LogPosition,
  LogStorage,
  Message,
  Outgoing,
  ReadState,
  Ready,
} from "./index.js";
import { Raft } from "./index.js";

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

/** A disk in memory: what was written survives a crash of the node above it. */
export class MemoryStorage implements LogStorage {
  hard: HardState = { term: 0, vote: 0 };
  position: LogPosition = { index: 0, term: 0 };
  log: LogEntry[] = [];

  hardState(): HardState {
    return this.hard;
  }

  start(): LogPosition {
    return this.position;
  }

  lastIndex(): number {
    return this.position.index + this.log.length;
  }

  at(index: number): LogEntry {
    const entry = this.log[index - this.position.index - 1];
    if (entry === undefined) throw new Error(`no entry ${index}`);
    return entry;
  }

  term(index: number): number {
    return this.at(index).term;
  }

  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    const result: LogEntry[] = [];
    let bytes = 0;
    for (let index = low; index <= high; index++) {
      const entry = this.at(index);
      bytes += entry.data.length;
      if (bytes > bytesMax && result.length > 0) break;
      result.push(entry);
    }
    return result;
  }

  write(hard: HardState | undefined, entries: readonly LogEntry[]): void {
    if (hard !== undefined) this.hard = hard;
    const first = entries[0];
    if (first === undefined) return;
    this.log.length = first.index - this.position.index - 1;
    this.log.push(...entries);
  }

  cut(index: number): LogPosition {
    const position = { index, term: index === this.position.index ? this.position.term : this.term(index) };
    this.log = this.log.slice(index - this.position.index);
    this.position = position;
    return position;
  }

  reset(position: LogPosition): void {
    this.log = [];
    this.position = position;
  }
}

export interface Envelope extends Outgoing {
  readonly from: number;
}

/** A node, its disk and what it applied. */
export interface Member {
  readonly id: number;
  raft: Raft;
  readonly storage: MemoryStorage;
  /** The data of every applied commands entry, by index; "" for a no-op. */
  applied: Map<number, string>;
  appliedIndex: number;
  reads: ReadState[];
  alive: boolean;
}

const decoder = (data: Uint8Array): string => String.fromCharCode(...data);
export const encode = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Some nodes and the messages between them: nothing moves unless the test says so. */
export class Network {
  readonly members = new Map<number, Member>();
  inTransit: Envelope[] = [];
  /** Whether a message is lost on its way. */
  lost: (envelope: Envelope) => boolean = () => false;
  private readonly random: () => number;

  constructor(count: number, seed = 1) {
    this.random = seeded(seed);
    for (let id = 1; id <= count; id++) {
      const storage = new MemoryStorage();
      this.members.set(id, {
        id,
        storage,
        raft: this.boot(id, storage, 0, count),
        applied: new Map(),
        appliedIndex: 0,
        reads: [],
        alive: true,
      });
    }
  }

  private boot(id: number, storage: MemoryStorage, applied: number, count = this.members.size): Raft {
    return new Raft(
      {
        id,
        voters: Array.from({ length: count }, (_, i) => i + 1),
        electionTicks: 10,
        heartbeatTicks: 2,
        appendBytesMax: 64,
        inflightMessagesMax: 4,
        inflightBytesMax: 256,
        uncommittedBytesMax: 10_000,
        cacheBytesMax: 256,
        random: this.random,
      },
      storage,
      applied,
    );
  }

  member(id: number): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** The node forgets all that is not on its disk, then starts again; its state machine keeps what it applied. */
  restart(id: number): void {
    const member = this.member(id);
    member.raft = this.boot(id, member.storage, member.appliedIndex);
    member.alive = true;
    member.reads = [];
  }

  crash(id: number): void {
    this.member(id).alive = false;
    this.inTransit = this.inTransit.filter(({ to }) => to !== id);
  }

  /** Does all the work that a node asks for; with `crashAfter`, dies at that point of it. */
  work(id: number, crashBefore?: "persist" | "answer"): void {
    const member = this.member(id);
    while (member.alive && member.raft.hasReady) {
      const ready = member.raft.ready(1_000);
      this.post(id, ready.messages);
      if (crashBefore === "persist") return this.crash(id);
      this.persist(member, ready);
      if (crashBefore === "answer") return this.crash(id);
      this.post(id, ready.afterPersist);
      this.apply(member, ready.committed);
      member.reads.push(...ready.reads);
      for (const peer of ready.snapshotsTo) this.sendSnapshot(member, peer);
    }
  }

  private persist(member: Member, { persist }: Ready): void {
    if (persist === undefined) return;
    if (persist.snapshot !== undefined) {
      member.storage.reset(persist.snapshot);
      const source = [...this.members.values()].find(
        (other) => other.appliedIndex >= (persist.snapshot?.index ?? 0),
      );
      member.applied = new Map(
        [...(source?.applied ?? [])].filter(([index]) => index <= (persist.snapshot?.index ?? 0)),
      );
      member.appliedIndex = persist.snapshot.index;
    }
    member.storage.write(persist.hardState, persist.entries);
    const last = persist.entries[persist.entries.length - 1];
    if (last !== undefined) member.raft.persisted({ index: last.index, term: last.term });
  }

  private apply(member: Member, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (entry.index !== member.appliedIndex + 1)
        throw new Error(`applied ${entry.index} after ${member.appliedIndex}`);
      member.applied.set(entry.index, `${entry.term}:${decoder(entry.data)}`);
      member.appliedIndex = entry.index;
      member.raft.applied(entry.index);
    }
  }

  private sendSnapshot(leader: Member, to: number): void {
    const lastIndex = leader.appliedIndex;
    const lastTerm = Number(leader.applied.get(lastIndex)?.split(":")[0] ?? 0);
    const { term } = leader.raft;
    this.post(leader.id, [{ to, message: { kind: "installSnapshot", term, lastIndex, lastTerm } }]);
    leader.raft.reportSnapshot(to, lastIndex);
  }

  private post(from: number, messages: readonly Outgoing[]): void {
    for (const { to, message } of messages) {
      const envelope = { from, to, message };
      if (this.member(to).alive && !this.lost(envelope)) this.inTransit.push(envelope);
    }
  }

  deliver(envelope: Envelope): void {
    const member = this.member(envelope.to);
    if (member.alive) member.raft.step(envelope.from, envelope.message);
  }

  /** Delivers everything, and what it causes, until nothing moves. */
  settle(): void {
    for (let step = 0; step < 10_000; step++) {
      for (const id of this.members.keys()) this.work(id);
      const envelopes = this.inTransit;
      this.inTransit = [];
      if (envelopes.length === 0) return;
      for (const envelope of envelopes) this.deliver(envelope);
    }
    throw new Error("the network does not come to rest");
  }

  tick(ids: Iterable<number>, times = 1): void {
    for (let i = 0; i < times; i++) {
      for (const id of ids) if (this.member(id).alive) this.member(id).raft.tick();
      this.settle();
    }
  }

  /** Has this node elected: the others forget their leader in time, but do not stand themselves. */
  elect(id: number): void {
    const { lost } = this;
    this.lost = (envelope) =>
      lost(envelope) || (envelope.message.kind === "requestVote" && envelope.from !== id);
    for (let i = 0; i < 60 && !this.member(id).raft.isLeader; i++) this.tick(this.members.keys());
    this.lost = lost;
    if (!this.member(id).raft.isLeader) throw new Error(`node ${id} was not elected`);
  }

  propose(id: number, text: string): void {
    const proposal = this.member(id).raft.propose(encode(text));
    if (!proposal.accepted) throw new Error(`refused: ${proposal.reason}`);
  }

  /** What a node applied, without the no-ops. */
  commands(id: number): string[] {
    return [...this.member(id).applied.values()]
      .map((text) => text.slice(text.indexOf(":") + 1))
      .filter((text) => text !== "");
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
