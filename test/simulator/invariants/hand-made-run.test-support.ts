import { expect } from "vitest";
import type { HardState, LogEntry, Role } from "../../../server/src/raft/index.js";
import {
  type Applied,
  type Command,
  type CommandBody,
  type Fence,
  type Put,
  StateMachine,
} from "../../../server/src/state-machine/index.js";
import type { Call, ClientEvent, EntrySeen, Membership, NodeView } from "../observation.js";
import { createObserver, type InvariantName, InvariantViolated } from "./index.js";

const encoder = new TextEncoder();

/** A node made of plain fields, which a test sets as it likes. */
export class HandMadeNode implements NodeView {
  readonly id: number;
  readonly name: string;
  boot = 1;
  role: Role = "follower";
  term = 0;
  vote = 0;
  leader = 0;
  commitIndex = 0;
  appliedIndex = 0;
  configurationIndex = 0;
  configurationHeld = true;
  firstIndex = 1;
  log: LogEntry[] = [];
  membership: Membership;
  machine = newMachine();

  constructor(id: number, voters: readonly number[]) {
    this.id = id;
    this.name = `n${id}`;
    this.membership = { voters, learners: [] };
  }

  get lastIndex(): number {
    return this.firstIndex - 1 + this.log.length;
  }

  termAt(index: number): number | undefined {
    if (index === 0) return 0;
    return this.log[index - this.firstIndex]?.term;
  }

  configuration(): Membership {
    return this.membership;
  }
}

function newMachine(): StateMachine {
  return new StateMachine({ change: () => undefined });
}

/** Three nodes and any number of clients, moved by hand. What it does by itself is legal. */
export class HandMadeRun {
  readonly observer = createObserver({
    clockDriftMax: 0.1,
    electionTimeoutMs: 1_000,
    ...{ latencyMs: 1, jitterMs: 1, turnDelayMs: 0, syncMs: 2, appendsAtOnce: 8 },
    leaseLateMsMax: 5_000,
    leasesKept: false,
    leadershipMs: 0,
    partitionStepsMax: 100_000,
    watchServedMsMax: 1_000,
  });
  readonly nodes: readonly [HandMadeNode, HandMadeNode, HandMadeNode];
  trueMs = 1_000;
  #operations = 0;

  constructor() {
    const voters = [1, 2, 3];
    this.nodes = [new HandMadeNode(1, voters), new HandMadeNode(2, voters), new HandMadeNode(3, voters)];
    for (const node of this.nodes) this.observer.booted(node, node.machine.hash, this.trueMs);
  }

  get history(): readonly LogEntry[] {
    return this.nodes[0].log;
  }

  /** Something happened at a node, and the observer sees the node. */
  step(
    node: HandMadeNode,
    change: Partial<Pick<HandMadeNode, "role" | "term" | "vote" | "commitIndex">> = {},
  ): void {
    Object.assign(node, change);
    this.observer.stepped(node, this.trueMs);
  }

  persist(node: HandMadeNode, hardState: HardState | undefined, ...entries: LogEntry[]): void {
    this.observer.persisted(node.id, hardState, entries, this.trueMs);
  }

  /** All nodes go to a term, in which one leads. */
  elect(leader: HandMadeNode, term: number): void {
    for (const node of this.nodes) {
      this.persist(node, { term, vote: leader.id });
      this.step(node, { term, vote: leader.id, role: "follower" });
    }
    this.step(leader, { role: "leader" });
  }

  entry(index: number, term: number, text = ""): LogEntry {
    return { index, term, kind: "commands", data: encoder.encode(text) };
  }

  /** An entry gets into a node's log and onto its disk; it replaces what the log held from there on. */
  append(node: HandMadeNode, entry: LogEntry): void {
    node.log = [...node.log.slice(0, entry.index - node.firstIndex), entry];
    this.persist(node, undefined, entry);
    this.step(node);
  }

  /** A node applies an entry; the outcome can be falsified. */
  apply(
    node: HandMadeNode,
    entry: LogEntry,
    commands: readonly Command[],
    falsify?: (outcome: Applied) => Applied,
  ): Applied {
    const { machine } = node;
    const applied = machine.apply(entry.index, entry.term, commands);
    const outcome = falsify?.(applied) ?? applied;
    node.appliedIndex = entry.index;
    this.observer.applied(node, entry, commands, outcome, machine.hash, machine, this.trueMs);
    return outcome;
  }

  /** Commands go through the log of all nodes. */
  run(...commands: Command[]): Applied {
    return this.runFalsified(commands);
  }

  /** The same, with the outcome of the first node to apply them falsified. */
  runFalsified(commands: readonly Command[], falsify?: (outcome: Applied) => Applied): Applied {
    const [first, second, third] = this.nodes;
    if (first.term === 0) this.elect(first, 1);
    this.trueMs += 1;
    const index = first.lastIndex + 1;
    const entry = this.entry(index, first.term, JSON.stringify(commands));
    for (const node of this.nodes) this.append(node, entry);
    for (const node of this.nodes) this.step(node, { commitIndex: index });
    const outcome = this.apply(first, entry, commands, falsify);
    for (const node of [second, third]) this.apply(node, entry, commands);
    return outcome;
  }

  /** Puts a text and returns the revision. */
  put(key: string, text: string, options: Partial<Put> = {}): number {
    const [result] = this.run(command(put(key, text, options))).results;
    if (result?.kind !== "put") throw new Error(`not put: ${JSON.stringify(result)}`);
    return result.revision;
  }

  delete(key: string): number {
    this.run(command(del(key)));
    return this.nodes[0].machine.revision;
  }

  grant(session = false, ttlMs = 2_000): number {
    const [result] = this.run(command({ kind: "grant", ttlMs, lease: 0, session })).results;
    if (result?.kind !== "grant") throw new Error(`no lease: ${JSON.stringify(result)}`);
    return result.lease;
  }

  /** The entry of a key as a client would see it. */
  see(key: string, revision = 0): EntrySeen | undefined {
    const range = { kind: "range", key, end: undefined, limit: 0, revision } as const;
    const read = this.nodes[0].machine.read({
      ...range,
      keysOnly: false,
      countOnly: false,
      childrenOf: undefined,
    });
    const entry = read.kind === "range" ? read.entries[0]?.entry : undefined;
    return entry === undefined ? undefined : { ...entry, path: entry.key };
  }

  client(event: ClientEventWithoutTime): void {
    this.observer.clientEvent({ ...event, client: "c1", trueMs: this.trueMs });
  }

  /** A client calls; the returned id is for how it ends. */
  invoke(call: Call): number {
    this.#operations += 1;
    this.client({ kind: "invoked", operation: this.#operations, call });
    return this.#operations;
  }

  finish(): InvariantViolated | undefined {
    return this.observer.finish({
      healed: this.nodes,
      healedMs: this.trueMs,
      settledMs: this.trueMs,
      trueMs: this.trueMs,
    });
  }
}

type WithoutTime<T> = T extends unknown ? Omit<T, "client" | "trueMs"> : never;
type ClientEventWithoutTime = WithoutTime<ClientEvent>;

export function command(body: CommandBody, fence?: Fence): Command {
  return { sessionId: 0, sequence: 0, lowestPending: 0, fence, body };
}

export function onSession(sessionId: number, sequence: number, body: CommandBody): Command {
  return { sessionId, sequence, lowestPending: 1, fence: undefined, body };
}

export function put(key: string, text: string, options: Partial<Put> = {}): CommandBody {
  const plain = {
    lease: 0,
    sequential: false,
    returnPrevious: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  return { kind: "put", key, value: encoder.encode(text), ...plain, ...options };
}

export function del(key: string): CommandBody {
  return { kind: "delete", key, end: undefined, subtree: false, returnPrevious: false };
}

/** The invariant that something trips; undefined when it trips none. */
export function tripped(what: () => unknown): InvariantName | undefined {
  try {
    const returned = what();
    return returned instanceof InvariantViolated ? returned.invariant : undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(InvariantViolated);
    return error instanceof InvariantViolated ? error.invariant : undefined;
  }
}
