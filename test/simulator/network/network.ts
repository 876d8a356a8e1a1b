import type { Metadata } from "@grpc/grpc-js";
import type { Process } from "../world/process.js";
import type { Random } from "../world/random.js";
import type { World } from "../world/world.js";
import { Connection, type Keepalive } from "./connection.js";

/** What a link does to messages that may be lost: those between servers, each a datagram as far as Raft is concerned. */
export interface MessageFaults {
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly reorderingRate: number;
}

const noFaults: MessageFaults = { lossRate: 0, duplicationRate: 0, reorderingRate: 0 };

/** Somebody who accepts connections at an address. */
export interface Acceptor {
  readonly process: Process;
  readonly keepalive: Keepalive;
  accept(connection: Connection): void;
}

interface Link {
  readonly baseMs: number;
  readonly jitterMs: number;
  blocked: boolean;
  extraMs: number;
  faults: MessageFaults;
  readonly connections: Set<Connection>;
}

/** Milliseconds after which an attempt to connect to a silent host is given up, as by gRPC. */
const CONNECT_TIMEOUT_MS = 20_000;

/** Hosts, the directed links between them, and the connections over them. */
export class Network {
  readonly world: World;
  readonly random: Random;
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #acceptors = new Map<string, Acceptor>();
  /** Hosts that lost their power: nothing answers there, not even with a refusal. */
  readonly #dark = new Set<string>();
  readonly #baseMs: number;
  readonly #jitterMs: number;
  /** Whether messages are encoded and decoded on their way, rather than handed over. */
  readonly encoding: boolean;
  /** Told what is written to a call, by whom. `stream` stands for the call. */
  onWrite: (
    from: Process,
    path: string,
    message: unknown,
    metadata: Metadata | undefined,
    stream: object,
  ) => void = () => undefined;
  /** Told what a server takes from a call. `stream` is the one that its replies are written to. */
  onRequest: (path: string, message: unknown, stream: object) => void = () => undefined;
  messages = 0;
  lost = 0;
  duplicated = 0;
  reordered = 0;

  constructor(
    world: World,
    random: Random,
    options: { readonly baseMs: number; readonly jitterMs: number; readonly encoding: boolean },
  ) {
    this.world = world;
    this.random = random;
    this.#baseMs = options.baseMs;
    this.#jitterMs = options.jitterMs;
    this.encoding = options.encoding;
  }

  link(from: string, to: string): Link {
    let row = this.#links.get(from);
    if (row === undefined) {
      row = new Map();
      this.#links.set(from, row);
    }
    let link = row.get(to);
    if (link === undefined) {
      link = {
        baseMs: this.#baseMs * this.random.between(0.5, 1.5),
        jitterMs: this.#jitterMs,
        blocked: false,
        extraMs: 0,
        faults: noFaults,
        connections: new Set(),
      };
      row.set(to, link);
    }
    return link;
  }

  /** One way's time from host to host. */
  latencyMs(link: Link): number {
    return link.baseMs + link.extraMs + this.random.exponential(link.jitterMs);
  }

  /** Nothing gets from one host to the other; what is sent waits, as TCP makes it, and connections find out in time. */
  block(from: string, to: string): void {
    const link = this.link(from, to);
    if (link.blocked) return;
    link.blocked = true;
    for (const connection of link.connections) connection.stalled();
    for (const connection of this.link(to, from).connections) connection.stalled();
  }

  unblock(from: string, to: string): void {
    const link = this.link(from, to);
    if (!link.blocked) return;
    link.blocked = false;
    for (const connection of [...link.connections]) connection.flowing(from);
  }

  /** The process stands still: pings to it go unanswered. */
  paused(process: Process): void {
    for (const link of this.#links.get(process.host)?.values() ?? []) {
      for (const connection of link.connections) connection.stalled();
    }
  }

  setFaults(faults: MessageFaults, hosts: readonly string[]): void {
    for (const from of hosts) for (const to of hosts) if (from !== to) this.link(from, to).faults = faults;
  }

  setExtraLatency(from: string, to: string, ms: number): void {
    this.link(from, to).extraMs = ms;
  }

  /** Every link works again, without faults. */
  heal(): void {
    for (const [from, row] of this.#links) {
      for (const [to, link] of row) {
        link.faults = noFaults;
        link.extraMs = 0;
        this.unblock(from, to);
      }
    }
  }

  listen(address: string, acceptor: Acceptor): boolean {
    if (this.#acceptors.get(address)?.process.alive) return false;
    this.#acceptors.set(address, acceptor);
    this.#dark.delete(acceptor.process.host);
    return true;
  }

  unlisten(address: string, acceptor: Acceptor): void {
    if (this.#acceptors.get(address) === acceptor) this.#acceptors.delete(address);
  }

  powerLost(host: string): void {
    this.#dark.add(host);
  }

  powerBack(host: string): void {
    this.#dark.delete(host);
  }

  /** Connects; `done` is called in the client's process, without a connection when there is nobody or nothing answers. */
  dial(
    client: Process,
    address: string,
    keepalive: Keepalive,
    done: (connection: Connection | undefined, problem: string) => void,
  ): void {
    const { world } = this;
    const host = hostOf(address);
    let answered = false;
    const answer = (connection: Connection | undefined, problem: string): void => {
      if (answered) return;
      answered = true;
      timeout.cancelled = true;
      done(connection, problem);
    };
    const there = this.link(client.host, host);
    const back = this.link(host, client.host);
    const timeout = world.after(CONNECT_TIMEOUT_MS, client, "connect timeout", () =>
      answer(undefined, "connect timed out"),
    );
    if (there.blocked) return;
    world.after(this.latencyMs(there), undefined, "connect", () => {
      if (this.#dark.has(host) || there.blocked || back.blocked || !client.alive) return;
      const acceptor = this.#acceptors.get(address);
      if (acceptor === undefined || !acceptor.process.alive) {
        world.after(this.latencyMs(back), client, "connection refused", () =>
          answer(undefined, "connection refused"),
        );
        return;
      }
      const connection = new Connection(this, client, acceptor.process, keepalive, acceptor.keepalive);
      // The kernel accepts even for a process that is paused; the process hears of it when it runs.
      world.after(0, acceptor.process, "accepted", () => acceptor.accept(connection));
      world.after(this.latencyMs(back), client, "connected", () => {
        if (answered || connection.broken) connection.close(client, "not wanted");
        if (connection.broken) answer(undefined, "connection reset");
        else answer(connection, "");
      });
    });
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
