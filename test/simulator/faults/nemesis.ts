import type { SimulatedCluster, SimulatedNode } from "../cluster/cluster.js";
import { noFaults } from "../disk/disk-faults.js";
import type { Network } from "../network/network.js";
import type { FaultKind, SimulationOptions } from "../run/options.js";
import type { Process } from "../world/process.js";
import type { Random } from "../world/random.js";
import type { World } from "../world/world.js";

/** What faults act on. */
export interface Victims {
  readonly world: World;
  readonly network: Network;
  readonly cluster: SimulatedCluster;
  readonly options: SimulationOptions;
  readonly random: Random;
  /** The clients' processes that live. */
  clients(): readonly Process[];
  killClient(process: Process): void;
  /** What an administrator does, through the SDK. */
  readonly administration: Administration;
}

/** What is done to the cluster on purpose rather than by mishap; each says whether it was begun. */
export interface Administration {
  transfer(): boolean;
  changeMembership(): boolean;
  replaceLost(node: SimulatedNode): boolean;
}

type Inject = (victims: Victims) => boolean;

/** How each kind of fault is done. Returns whether anything was. */
const injections: Readonly<Record<FaultKind, Inject>> = {
  kill: (victims) => killSome(victims, false),
  power: (victims) => killSome(victims, true),
  pause: pauseSome,
  partition: partitionSome,
  isolateLeader,
  newLeader: cutOffNextLeader,
  oneWay: blockOneWay,
  slowLink,
  congestion,
  diskCrash: (victims) => failDisk(victims, { crashBefore: 0.02, crashUnsynced: 0.02, crashAfter: 0.02 }),
  diskError: (victims) => failDisk(victims, { syncError: 0.05 }),
  diskFull: (victims) => failDisk(victims, { full: 0.05 }),
  clockRate: changeClockRate,
  wallJump: ({ cluster, random }) => {
    const node = someLive(cluster, random);
    node?.process?.jumpWallClock(random.between(-1, 1) * 60_000);
    return node !== undefined;
  },
  transfer: ({ administration }) => administration.transfer(),
  membership: ({ administration }) => administration.changeMembership(),
  wipe: (victims) => destroy(victims, (node) => node.disk.wipe()),
  bitRot: (victims) => destroy(victims, rot),
  clientPause: ({ world, network, random, clients }) => {
    const process = pickSome(clients(), random);
    if (process === undefined || process.blockedUntilMs === Number.POSITIVE_INFINITY) return false;
    world.pause(process);
    network.paused(process);
    world.after(random.exponential(2_000), undefined, "resume", () => world.resume(process));
    return true;
  },
  clientKill: ({ random, clients, killClient }) => {
    const process = pickSome(clients(), random);
    if (process !== undefined) killClient(process);
    return process !== undefined;
  },
};

/** Brings about faults, each kind on its own schedule, several at once. */
export class Nemesis {
  readonly counts = new Map<FaultKind, number>();
  readonly #victims: Victims;
  #stopped = false;

  constructor(victims: Victims) {
    this.#victims = victims;
  }

  start(): void {
    const { options } = this.#victims;
    for (const [kind, meanMs] of Object.entries(options.faults)) this.#next(kind as FaultKind, meanMs);
    const { network, cluster } = this.#victims;
    const { lossRate, duplicationRate, reorderingRate } = options;
    network.setFaults({ lossRate, duplicationRate, reorderingRate }, [...cluster.nodes.keys()]);
  }

  #next(kind: FaultKind, meanMs: number): void {
    const { world, random } = this.#victims;
    world.after(random.exponential(meanMs), undefined, kind, () => {
      if (this.#stopped) return;
      if (injections[kind](this.#victims)) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.#next(kind, meanMs);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#victims.cluster.onNextLeader = undefined;
  }
}

function pickSome<T>(items: readonly T[], random: Random): T | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}

function someLive(cluster: SimulatedCluster, random: Random): SimulatedNode | undefined {
  // The leader is where most goes wrong.
  const { leader } = cluster;
  return leader !== undefined && random.chance(0.4) ? leader : pickSome(cluster.live, random);
}

function killSome(victims: Victims, power: boolean): boolean {
  const { cluster, random, options } = victims;
  const count = random.chance(0.15) ? cluster.live.length : 1;
  let killed = false;
  for (let i = 0; i < count; i++) {
    const node = someLive(cluster, random);
    const process = node?.process;
    if (node === undefined || process === undefined) continue;
    killed = true;
    const downMs = 20 + random.exponential(random.pick([200, 1_500, 6_000]) * options.tempo);
    // Between two events of the process, rather than at a moment of the world's.
    process.stepAlarm = {
      at: process.steps + random.integer(1, 30),
      run: () => cluster.killForAWhile(node, power, downMs),
    };
  }
  return killed;
}

function pauseSome({ cluster, random, options }: Victims): boolean {
  const node = someLive(cluster, random);
  if (node === undefined) return false;
  cluster.pause(node, random.exponential(random.pick([300, 1_500, 5_000]) * options.tempo));
  return true;
}

function hostsOf(victims: Victims): string[] {
  return [...victims.cluster.nodes.keys(), ...new Set(victims.clients().map(({ host }) => host))];
}

/** Blocks so many directed links for a while. */
function blockFor(victims: Victims, pairs: readonly (readonly [string, string])[]): boolean {
  const { world, network, random, options } = victims;
  for (const [from, to] of pairs) network.block(from, to);
  world.after(random.exponential(random.pick([500, 2_000, 5_000]) * options.tempo), undefined, "heal", () => {
    for (const [from, to] of pairs) network.unblock(from, to);
  });
  return pairs.length > 0;
}

const bothWays = (a: string, b: string): [string, string][] => [
  [a, b],
  [b, a],
];

/** Two halves; a bridge that both halves see; or a ring in which each sees its neighbours only. */
function partitionSome(victims: Victims): boolean {
  const { random, cluster } = victims;
  const shape = random.next();
  const servers = random.shuffled([...cluster.nodes.keys()]);
  if (shape < 0.25 && servers.length > 3) {
    const apart = servers.flatMap((a, i) =>
      servers.flatMap((b, j) => {
        const distance = Math.abs(i - j);
        return i < j && distance > 1 && distance < servers.length - 1 ? bothWays(a, b) : [];
      }),
    );
    return blockFor(victims, apart);
  }
  const bridge = shape < 0.5 ? servers[0] : undefined;
  const hosts = hostsOf(victims).filter((host) => host !== bridge);
  const side = new Map(hosts.map((host) => [host, random.chance(0.5)]));
  const apart = hosts.flatMap((a, i) =>
    hosts.slice(i + 1).flatMap((b) => (side.get(a) !== side.get(b) ? bothWays(a, b) : [])),
  );
  return blockFor(victims, apart);
}

function isolateLeader(victims: Victims): boolean {
  const { leader, nodes } = victims.cluster;
  if (leader === undefined) return false;
  // With or without its clients: the dangerous leader is one that somebody still talks to.
  const others = victims.random.chance(0.5) ? hostsOf(victims) : [...nodes.keys()];
  return blockFor(
    victims,
    others.filter((name) => name !== leader.name).flatMap((name) => bothWays(leader.name, name)),
  );
}

/** Whoever becomes the leader next is cut off before it has done much: alone, or with some of the others. */
function cutOffNextLeader(victims: Victims): boolean {
  const { world, random, cluster } = victims;
  if (cluster.onNextLeader !== undefined) return false;
  cluster.onNextLeader = (leader) => {
    const alone = random.chance(0.6);
    world.after(random.exponential(random.pick([1, 10, 50, 200])), undefined, "cut off", () => {
      const others = [...cluster.nodes.keys()].filter((name) => name !== leader.name);
      const side = alone ? [] : random.shuffled(others).slice(0, Math.floor((others.length - 1) / 2));
      const apart = others.filter((name) => !side.includes(name));
      blockFor(
        victims,
        [leader.name, ...side].flatMap((a) => apart.flatMap((b) => bothWays(a, b))),
      );
    });
  };
  return true;
}

function blockOneWay(victims: Victims): boolean {
  const { random, cluster } = victims;
  const [a, b] = random.shuffled([...cluster.nodes.keys()]);
  if (a === undefined || b === undefined) return false;
  return blockFor(victims, [[a, b]]);
}

function slowLink({ random, cluster, network, world, options }: Victims): boolean {
  const [a, b] = random.shuffled([...cluster.nodes.keys()]);
  if (a === undefined || b === undefined) return false;
  network.setExtraLatency(a, b, random.pick([50, 300, 1_000]));
  world.after(random.exponential(3_000 * options.tempo), undefined, "fast again", () =>
    network.setExtraLatency(a, b, 0),
  );
  return true;
}

/** Every link between servers is slow for a while, each in its own way: answers come when nobody waits for them any more. */
function congestion({ random, cluster, network, world, options }: Victims): boolean {
  const servers = [...cluster.nodes.keys()];
  const slowestMs = options.electionTimeoutMs * random.pick([0.3, 1, 2]);
  for (const a of servers) {
    for (const b of servers) if (a !== b) network.setExtraLatency(a, b, random.between(0, slowestMs));
  }
  world.after(random.exponential(3_000 * options.tempo), undefined, "fast again", () => {
    for (const a of servers) for (const b of servers) if (a !== b) network.setExtraLatency(a, b, 0);
  });
  return true;
}

function failDisk({ cluster, random, world, options }: Victims, faults: Partial<typeof noFaults>): boolean {
  const node = pickSome([...cluster.nodes.values()], random);
  if (node === undefined) return false;
  const usual = usualDisk(options);
  node.disk.faults = { ...usual, ...faults };
  world.after(random.exponential(3_000), undefined, "disk mended", () => {
    node.disk.faults = usual;
  });
  return true;
}

/** A disk that works, as fast as the options say. */
export function usualDisk({ syncMs }: SimulationOptions): typeof noFaults {
  return { ...noFaults, slow: 1, slowMsMax: syncMs };
}

function changeClockRate({ cluster, random, world, options }: Victims): boolean {
  const { process } = someLive(cluster, random) ?? {};
  if (process === undefined || options.clockDriftMax === 0) return false;
  const drift = options.clockDriftMax;
  process.setClockRate(random.between(1 - drift, 1 + drift), world.nowMs);
  return true;
}

/** Damages a part of the data that the node needs at its next start. */
function rot({ disk }: SimulatedNode): void {
  const log = disk.log();
  if (log !== undefined && log.entries.length > 0) {
    disk.decay({ kind: "log", index: log.start.index + Math.ceil(log.entries.length / 2) });
  } else disk.wipe();
}

/** One node loses its data for good, unless another still waits to be replaced: then a majority might. */
function destroy(
  { world, cluster, random, administration }: Victims,
  ruin: (node: SimulatedNode) => void,
): boolean {
  const nodes = [...cluster.nodes.values()].filter(({ retired }) => !retired);
  if (nodes.some(({ damaged }) => damaged)) return false;
  const node = pickSome(nodes, random);
  if (node === undefined) return false;
  if (!administration.replaceLost(node)) return false;
  cluster.destroy(node, ruin);
  // Whoever starts it again all the same must be told that it cannot be.
  world.after(random.between(500, 3_000), undefined, "start without data", () => cluster.boot(node));
  return true;
}
