import type { Metadata } from "@grpc/grpc-js";
import type { Process } from "../world/process.js";
import type { Random } from "../world/random.js";
import type { World } from "../world/world.js";
import { Connection, type Keepalive } from "./connection.js";
import { Replays } from "./replays.js";

/** What the network does to messages that may be lost: those between servers, each a datagram as far as Raft is concerned. */
export interface MessageFaults {
  readonly lossRate: number;
  readonly duplicationRate: number;
  readonly reorderingRate: number;
  /** Of those that come once more, much later. */
  readonly replayRate: number;
}

const noFaults: MessageFaults = { lossRate: 0, duplicationRate: 0, reorderingRate: 0, replayRate: 0 };

/** Somebody who accepts connections at an address. */
export interface Acceptor {
  readonly process: Process;
  readonly keepalive: Keepalive;
  accept(connection: Connection): void;
}

/** A way on which bytes travel: from host to host, or of the connections between two of them that one has dialled. */
export interface Link {
  readonly baseMs: number;
  readonly jitterMs: number;
  /** Whoever keeps anything from getting through: a heal of one partition leaves what another one still wants. */
  readonly blocks: Set<object>;
  /** Whoever makes it slower, and by how many milliseconds: the slowest counts. */
  readonly delays: Map<object, number>;
  /** Whether there are any blocks, and the longest delay: looked at for every message. */
  blocked: boolean;
  extraMs: number;
  readonly connections: Set<Connection>;
}

/** A directed link, by its hosts. */
export type Pair = readonly [from: string, to: string];

/** What the one who dialled sends, or what comes back. */
export type Direction = "there" | "back";

/** One direction of the connections that one host dials to another, those of before and those to come. */
export type Lane = readonly [dialer: string, acceptor: string, direction: Direction];

/** Milliseconds after which an attempt to connect to a silent host is given up, as by gRPC. */
const CONNECT_TIMEOUT_MS = 20_000;

/** Hosts, the directed links between them, and the connections over them. */
export class Network {
  readonly world: World;
  readonly random: Random;
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #lanes = new Map<string, Link>();
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
  /** Told of a client stream, and each message of it, that a server took: it did not end the call for it. */
  onTaken: (path: string, metadata: Metadata) => void = () => undefined;
  /** What becomes of messages between servers, those that join later included. */
  messageFaults: MessageFaults = noFaults;
  readonly replays: Replays;
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
    this.replays = new Replays(world, this);
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
        blocks: new Set(),
        delays: new Map(),
        blocked: false,
        extraMs: 0,
        connections: new Set(),
      };
      row.set(to, link);
    }
    return link;
  }

  /** One direction of the connections that `dialer` dials: it adds to the link between the hosts, and fails by itself. */
  lane(dialer: string, acceptor: string, direction: Direction): Link {
    const key = `${dialer} ${acceptor} ${direction}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = {
        ...{ baseMs: 0, jitterMs: 0, blocks: new Set(), delays: new Map() },
        ...{ blocked: false, extraMs: 0, connections: new Set() },
      };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** One way's time from host to host. */
  latencyMs(link: Link): number {
    return link.baseMs + link.extraMs + this.random.exponential(link.jitterMs);
  }

  /** Whether nothing gets from host to host. */
  isBlocked(from: string, to: string): boolean {
    return this.#links.get(from)?.get(to)?.blocked ?? false;
  }

  /** Whether everything gets from host to host, in the usual time. */
  isClear(from: string, to: string): boolean {
    const link = this.#links.get(from)?.get(to);
    return link === undefined || (!link.blocked && link.extraMs === 0);
  }

  /**
   * Nothing gets over these links until the returned function is called; what is sent waits, as TCP makes it, and
   * connections find out in time.
   */
  block(pairs: readonly Pair[]): () => void {
    return this.#block(pairs.map(([from, to]) => this.link(from, to)));
  }

  /** The same for connections by who dialled them: those that the other side dials go on. */
  blockLanes(lanes: readonly Lane[]): () => void {
    return this.#block(lanes.map((lane) => this.lane(...lane)));
  }

  #block(links: readonly Link[]): () => void {
    const holder = {};
    for (const link of links) {
      link.blocks.add(holder);
      if (link.blocked) continue;
      link.blocked = true;
      for (const connection of link.connections) connection.stalled();
    }
    return () => {
      for (const link of links) {
        link.blocks.delete(holder);
        if (link.blocks.size === 0) this.#unblock(link);
      }
    };
  }

  #unblock(link: Link): void {
    if (!link.blocked) return;
    link.blocked = false;
    for (const connection of [...link.connections]) connection.flowing();
  }

  /** The connections that `dialer` has to the other host are reset, at both ends. Returns how many. */
  reset(dialer: string, acceptor: string): number {
    const connections = [...this.lane(dialer, acceptor, "there").connections];
    for (const connection of connections) connection.reset();
    return connections.length;
  }

  /**
   * Whatever stands in between forgets these connections, as a table of addresses does that was restarted: both ends
   * believe that they stand, and no byte passes any more. New ones pass. Returns how many.
   */
  forget(dialer: string, acceptor: string): number {
    const connections = [...this.lane(dialer, acceptor, "there").connections];
    for (const connection of connections) connection.forgotten();
    return connections.length;
  }

  /** The process stands still: pings to it go unanswered. */
  paused(process: Process): void {
    for (const link of this.#links.get(process.host)?.values() ?? []) {
      for (const connection of link.connections) connection.stalled();
    }
  }

  /** These links take so many milliseconds longer until the returned function is called. */
  slowDown(delays: readonly (readonly [...Pair, ms: number])[]): () => void {
    return this.#slowDown(delays.map(([from, to, ms]) => [this.link(from, to), ms]));
  }

  /** The same for connections by who dialled them. */
  slowLanesDown(delays: readonly (readonly [...Lane, ms: number])[]): () => void {
    return this.#slowDown(delays.map(([...lane]) => [this.lane(lane[0], lane[1], lane[2]), lane[3]]));
  }

  #slowDown(delays: readonly (readonly [Link, ms: number])[]): () => void {
    const holder = {};
    for (const [link, ms] of delays) {
      link.delays.set(holder, ms);
      link.extraMs = Math.max(link.extraMs, ms);
    }
    return () => {
      for (const [link] of delays) {
        link.delays.delete(holder);
        link.extraMs = Math.max(0, ...link.delays.values());
      }
    };
  }

  /** Every link works again, without faults. */
  heal(): void {
    this.messageFaults = noFaults;
    const links = [...this.#links.values()].flatMap((row) => [...row.values()]);
    for (const link of [...links, ...this.#lanes.values()]) {
      link.delays.clear();
      link.extraMs = 0;
      link.blocks.clear();
      this.#unblock(link);
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
    const lanes = [this.lane(client.host, host, "there"), this.lane(client.host, host, "back")] as const;
    const isBlocked = (): boolean => there.blocked || back.blocked || lanes.some(({ blocked }) => blocked);
    if (there.blocked || lanes[0].blocked) return;
    const extraMs = lanes[0].extraMs;
    world.after(this.latencyMs(there) + extraMs, undefined, "connect", () => {
      if (this.#dark.has(host) || isBlocked() || !client.alive) return;
      const acceptor = this.#acceptors.get(address);
      if (acceptor === undefined || !acceptor.process.alive) {
        world.after(this.latencyMs(back), client, "connection refused", () =>
          answer(undefined, "connection refused"),
        );
        return;
      }
      const connection = new Connection(this, client, acceptor.process, keepalive, acceptor.keepalive);
      // The kernel accepts even for a process that is paused; the process hears of it when it runs.
      const accept = (): void => acceptor.accept(connection);
      world.at(world.nowMs, acceptor.process, "accepted", accept, undefined, connection);
      const connected = (): void => {
        if (answered || connection.broken) connection.close(client, "not wanted");
        if (connection.broken) answer(undefined, "connection reset");
        else answer(connection, "");
      };
      const atMs = world.nowMs + this.latencyMs(back) + lanes[1].extraMs;
      world.at(atMs, client, "connected", connected, undefined, connection);
    });
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
