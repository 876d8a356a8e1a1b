import { performance as machineClock } from "node:perf_hooks";
import { connect } from "@quorate/sdk";
import { SimulatedCluster } from "../cluster/cluster.js";
import { clientAddress, peerAddress } from "../cluster/simulated-node.js";
import { InvariantViolated } from "../invariants/index.js";
import { setCurrentNetwork } from "../network/ambient.js";
import { Network } from "../network/network.js";
import type { SimulationOptions } from "../run/options.js";
import type { SeedResult } from "../run/result.js";
import { Process } from "../world/process.js";
import { Random } from "../world/random.js";
import { setCurrentWorld, World } from "../world/world.js";
import { ElectionCount } from "./election-count.js";
import { HistoryBook } from "./history-book.js";
import { type Bookmark, HistoryClient, sleep } from "./history-client.js";

/** Milliseconds in which a cluster forms and works, with accidents, before its history ends. */
const ERA_MS = 8_000;
/**
 * Milliseconds in which everybody must have been told of the end: the 20,000 ms for which a connection may wait whose first
 * packet a kill swallowed, and the 30,000 for which a watch bears it that only strangers answer.
 */
const TOLD_MAX_MS = 80_000;
/** Bookmarks of one era that the next tries to go on from. */
const BOOKMARKS_MAX = 3;
const TRACED_EVENTS = 4_000;

/**
 * One run about histories: a cluster that loses all its data and is formed anew at the same endpoints, or a node of another
 * cluster among the endpoints, with clients that live across it.
 */
export class HistoryRun {
  readonly #options: SimulationOptions;
  readonly #world = new World();
  readonly #random: Random;
  readonly #network: Network;
  readonly #book = new HistoryBook();
  readonly #observer = new ElectionCount();
  readonly #bookmarks: Bookmark[] = [];
  readonly #clients: HistoryClient[] = [];
  /** Whether a node of another cluster is among the endpoints, instead of an end of the history. */
  readonly #mixed: boolean;
  #cluster: SimulatedCluster;
  #kills = 0;
  #wipes = 0;
  #failure: unknown;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#mixed = this.#random.chance(0.3);
    const { latencyMs, jitterMs, encoding } = options;
    this.#network = new Network(this.#world, this.#random.fork(1), { baseMs: latencyMs, jitterMs, encoding });
    setCurrentWorld(this.#world);
    setCurrentNetwork(this.#network);
    this.#cluster = this.#form(1);
  }

  run(): SeedResult {
    const startedMs = machineClock.now();
    try {
      this.#live();
    } catch (error) {
      this.#fail(error);
    } finally {
      setCurrentWorld(undefined);
      setCurrentNetwork(undefined);
    }
    return this.#result(startedMs);
  }

  #live(): void {
    this.#startClients(1);
    this.#accidents();
    this.#runFor(ERA_MS);
    if (!this.#mixed) {
      this.#loseEverything();
      this.#startClients(2);
      this.#runFor(ERA_MS);
      this.#await(() => this.#clients.flatMap((client) => (client.era === 1 ? client.waiting : [])));
    }
    this.#await(() =>
      this.#clients
        .filter(({ era, history }) => era === this.#era && history === "")
        .map(({ name }) => `${name} has no history`),
    );
    this.#lookAtWhatIsStored();
  }

  get #era(): number {
    return this.#mixed ? 1 : 2;
  }

  #form(era: number): SimulatedCluster {
    const { nodes } = this.#options;
    const random = this.#random.fork(1_000 * era);
    const cluster = new SimulatedCluster(
      this.#world,
      this.#network,
      random,
      this.#options,
      this.#observer,
      (error) => this.#fail(error),
    );
    const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    this.#boot(cluster, names, random);
    if (this.#mixed) this.#boot(cluster, ["stranger"], random);
    return cluster;
  }

  #boot(cluster: SimulatedCluster, names: readonly string[], random: Random): void {
    const initialCluster = names.map((name) => ({ name, address: peerAddress(name) }));
    for (const name of names) {
      const node = cluster.add(name, initialCluster);
      this.#world.after(random.between(0, 2_000), undefined, "boot", () => cluster.boot(node));
    }
  }

  #startClients(era: number): void {
    const bookmarks = era === 1 ? [] : this.#random.shuffled(this.#bookmarks).slice(0, BOOKMARKS_MAX);
    for (let i = 1; i <= this.#options.clients; i++) {
      const name = `c${era}.${i}`;
      const random = this.#random.fork(100 * era + i);
      const process = new Process(name, random, this.#world.nowMs, (error) => this.#fail(error));
      const { sessionTtlMs, thinkMs } = this.#options;
      const client = new HistoryClient({
        ...{ name, era, sessionTtlMs, thinkMs, random, bookmarks, mixed: this.#mixed },
        endpoints: random.shuffled(this.#cluster.endpoints),
        session: i % 2 === 0,
        book: this.#book,
        keep: (bookmark) => {
          if (era === 1) this.#bookmarks.push(bookmark);
        },
      });
      this.#clients.push(client);
      this.#world.after(random.between(0, 2_000), process, "client starts", () => {
        client.run().catch((error: unknown) => this.#fail(error));
      });
    }
  }

  /** Nodes that are killed, so that clients change theirs. */
  #accidents(): void {
    this.#world.after(this.#random.exponential(2_500), undefined, "accident", () => {
      const { live } = this.#cluster;
      if (live.length > 0) {
        const node = this.#random.pick(live);
        this.#kills++;
        this.#cluster.killForAWhile(node, this.#random.chance(0.5), this.#random.between(50, 1_500));
      }
      this.#accidents();
    });
  }

  /** All nodes lose their disks at one moment, and are formed anew, at the same addresses and with the same token. */
  #loseEverything(): void {
    const lost = this.#cluster;
    lost.supervising = false;
    for (const node of lost.nodes.values()) {
      lost.kill(node, true);
      node.retired = true;
    }
    this.#wipes++;
    this.#book.ended(1, this.#world.nowMs);
    this.#cluster = this.#form(2);
  }

  /** Of every history, its own clients' values alone are stored. */
  #lookAtWhatIsStored(): void {
    const looked = new Set<string>();
    for (const { name } of this.#cluster.nodes.values()) {
      const process = new Process(
        `look-${name}`,
        this.#random.fork(5_000 + looked.size),
        this.#world.nowMs,
        (error) => this.#fail(error),
      );
      looked.add(name);
      this.#world.runIn(process, () => {
        this.#lookAt(name).then(
          () => looked.delete(name),
          (error: unknown) => this.#fail(error),
        );
      });
    }
    this.#await(() => [...looked].map((name) => `a look at what ${name} stores`));
  }

  async #lookAt(name: string): Promise<void> {
    for (;;) {
      const quorate = await connect(clientAddress(name), { session: false, followLeader: false });
      try {
        const { nodes } = await quorate.list("/h");
        const client = { name: `look-${name}`, era: this.#era, history: quorate.historyId ?? "" };
        for (const { entry } of nodes)
          if (entry !== undefined) this.#book.seen(client, entry.text(), "a look");
        return;
      } catch (error) {
        if (error instanceof InvariantViolated) throw error;
        await sleep(200);
      } finally {
        await quorate.close();
      }
    }
  }

  #runFor(ms: number): void {
    this.#world.run(this.#world.nowMs + ms, () => this.#failure !== undefined);
  }

  #await(missing: () => readonly string[]): void {
    const deadlineMs = this.#world.nowMs + TOLD_MAX_MS;
    while (this.#failure === undefined && missing().length > 0) {
      if (this.#world.nowMs >= deadlineMs)
        throw new NotLive(`${missing().join("; ")}\n${this.#cluster.describe()}`);
      this.#runFor(250);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
  }

  #result(startedMs: number): SeedResult {
    const { trace } = this.#world;
    const failure = this.#failure;
    const invariant =
      failure instanceof InvariantViolated
        ? failure.invariant
        : failure instanceof NotLive
          ? "LIVE"
          : "UNEXPECTED";
    const answers = this.#clients.reduce((sum, client) => sum + client.answers, 0);
    return {
      seed: this.#options.seed,
      options: this.#options,
      traceHash: trace.hash,
      violation:
        failure === undefined
          ? undefined
          : {
              invariant,
              message: failure instanceof Error ? failure.message : String(failure),
              details: failure instanceof InvariantViolated ? JSON.stringify(failure.details) : "",
              stack: failure instanceof Error ? (failure.stack ?? "") : "",
              trace: trace.last(TRACED_EVENTS),
            },
      simulatedMs: this.#world.nowMs,
      realMs: machineClock.now() - startedMs,
      events: this.#world.events,
      messages: this.#network.messages,
      membershipChanges: 0,
      transfers: 0,
      faults: { kill: this.#kills, wipe: this.#wipes },
      counts: { operationsOk: answers, elections: this.#observer.count, historiesLost: this.#wipes },
    };
  }
}

/** LIVE: whoever goes on from a history that is gone is told so in time, and whoever begins in the new one is served. */
class NotLive extends Error {
  override readonly name = "NotLive";
}
