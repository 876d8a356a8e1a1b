import type { Network } from "../network/network.js";
import type { SimulationOptions } from "../run/options.js";
import type { Process } from "../world/process.js";
import type { World } from "../world/world.js";
import type { SimulatedCluster } from "./cluster.js";
import type { SimulatedNode } from "./simulated-node.js";

/** Nodes of which every set is looked at. */
const NODES_MAX = 10;

interface Since {
  readonly key: string;
  readonly sinceMs: number;
}

/**
 * Who reaches whom while faults last, and since when: what can be demanded of a client, a watch or a node follows from
 * it. It is looked at from time to time. Whatever looks slow, paused or restarted in between begins anew.
 */
export class Reach {
  readonly #world: World;
  readonly #network: Network;
  readonly #cluster: SimulatedCluster;
  readonly #options: Pick<SimulationOptions, "syncMs" | "lossRate">;
  /** By host: the nodes that served as its majority at the last look, and since when. */
  readonly #majorities = new Map<string, Since>();
  /** By host: which of its processes was without any way to a majority at the last look, and since when. */
  readonly #cutOff = new Map<string, Since>();

  constructor(
    world: World,
    network: Network,
    cluster: SimulatedCluster,
    options: Pick<SimulationOptions, "syncMs" | "lossRate">,
  ) {
    this.#world = world;
    this.#network = network;
    this.#cluster = cluster;
    this.#options = options;
  }

  /**
   * Since when the client has seen one and the same majority of the voters, all of them well and seeing each other, in
   * true time; undefined while it sees none.
   */
  majoritySince(client: Process): number | undefined {
    const before = this.#majorities.get(client.host);
    const seen = this.#options.lossRate > 0 || !this.#runs(client) ? [] : this.#wellSeenBy(client);
    const choice = this.#choices(seen).find((each) => keyOf(each) === before?.key) ?? this.#choices(seen)[0];
    return this.#since(this.#majorities, client.host, choice === undefined ? undefined : keyOf(choice));
  }

  /** Since when a node that runs has had no way to a majority, in either direction; undefined while it has one. */
  cutOffSince(node: SimulatedNode): number | undefined {
    const { process } = node;
    const isCutOff =
      process !== undefined &&
      this.#runs(process) &&
      this.#isFast(node) &&
      !this.#mayBeMajority(this.#component([node]));
    return this.#since(this.#cutOff, node.name, isCutOff ? `${node.name} ${node.boots}` : undefined);
  }

  /** The same of a client and all nodes that it has any way to. */
  lostSince(client: Process): number | undefined {
    const direct = this.#cluster.live.filter(({ name }) => this.#touches(client.host, name));
    const isLost = this.#runs(client) && !direct.some((node) => this.#mayBeMajority(this.#component([node])));
    return this.#since(this.#cutOff, client.host, isLost ? client.host : undefined);
  }

  #since(known: Map<string, Since>, host: string, key: string | undefined): number | undefined {
    if (key === undefined) {
      known.delete(host);
      return undefined;
    }
    const before = known.get(host);
    if (before?.key === key) return before.sinceMs;
    known.set(host, { key, sinceMs: this.#world.nowMs });
    return this.#world.nowMs;
  }

  #runs(process: Process): boolean {
    return process.alive && process.blockedUntilMs <= this.#world.nowMs + this.#options.syncMs;
  }

  /** Whether its disk is as usual. */
  #isFast({ disk }: SimulatedNode): boolean {
    const { slowMsMax, syncError, full, crashBefore, crashUnsynced, crashAfter } = disk.faults;
    return (
      slowMsMax <= this.#options.syncMs && syncError + full + crashBefore + crashUnsynced + crashAfter === 0
    );
  }

  #wellSeenBy(client: Process): SimulatedNode[] {
    return this.#cluster.live.filter((node) => {
      const { process, view, damaged, retired, leaving } = node;
      if (process === undefined || view === undefined || damaged || retired || leaving) return false;
      return this.#runs(process) && this.#isFast(node) && this.#sees(client.host, node.name);
    });
  }

  /** Every majority among the nodes in which all see each other, the largest first. */
  #choices(nodes: readonly SimulatedNode[]): SimulatedNode[][] {
    if (nodes.length === 0 || nodes.length > NODES_MAX) return [];
    const found: SimulatedNode[][] = [];
    for (let set = (1 << nodes.length) - 1; set > 0; set--) {
      const chosen = nodes.filter((_, i) => (set >> i) % 2 === 1);
      const together = chosen.every((a) => chosen.every((b) => a === b || this.#sees(a.name, b.name)));
      if (together && this.#isMajority(chosen)) found.push(chosen);
    }
    return found.sort((a, b) => b.length - a.length);
  }

  /** Whether the nodes are a majority of the voters, whichever of the nodes that run is right about who votes. */
  #isMajority(nodes: readonly SimulatedNode[]): boolean {
    return this.#electorates.every((voters) => isMajorityOf(nodes, voters));
  }

  /** Whether they are one if any of the nodes that run is right. */
  #mayBeMajority(nodes: readonly SimulatedNode[]): boolean {
    return this.#electorates.some((voters) => isMajorityOf(nodes, voters));
  }

  get #electorates(): (readonly number[])[] {
    return this.#cluster.live.flatMap(({ view }) =>
      view === undefined ? [] : [view.configuration().voters],
    );
  }

  /** The nodes that anything can get to from these, or from which anything can get to them. */
  #component(nodes: readonly SimulatedNode[]): SimulatedNode[] {
    const found = [...nodes];
    for (const node of found) {
      for (const other of this.#cluster.nodes.values()) {
        if (!found.includes(other) && this.#touches(node.name, other.name)) found.push(other);
      }
    }
    return found;
  }

  #sees(a: string, b: string): boolean {
    return this.#network.isClear(a, b) && this.#network.isClear(b, a);
  }

  #touches(a: string, b: string): boolean {
    return !this.#network.isBlocked(a, b) || !this.#network.isBlocked(b, a);
  }
}

function isMajorityOf(nodes: readonly SimulatedNode[], voters: readonly number[]): boolean {
  return 2 * nodes.filter(({ id }) => id !== undefined && voters.includes(id)).length > voters.length;
}

function keyOf(nodes: readonly SimulatedNode[]): string {
  return nodes
    .map(({ name, boots }) => `${name} ${boots}`)
    .sort()
    .join();
}
