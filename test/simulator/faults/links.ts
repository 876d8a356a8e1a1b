import type { Pair } from "../network/network.js";
import { type Scene, touchable } from "./scene.js";

function serversOf(scene: Scene): string[] {
  return touchable(scene).map(({ name }) => name);
}

function hostsOf(scene: Scene): string[] {
  return [...serversOf(scene), ...new Set(scene.clients().map(({ host }) => host))];
}

/** Blocks so many directed links for a while. */
function blockFor({ network, random, options, later }: Scene, pairs: readonly Pair[]): boolean {
  if (pairs.length === 0) return false;
  const release = network.block(pairs);
  later(random.exponential(random.pick([500, 2_000, 5_000]) * options.tempo), "heal", release);
  return true;
}

const bothWays = (a: string, b: string): Pair[] => [
  [a, b],
  [b, a],
];

/** Every link, both ways, between one side and the other. */
export function between(side: readonly string[], others: readonly string[]): Pair[] {
  return side.flatMap((a) => others.flatMap((b) => bothWays(a, b)));
}

/** Two halves; a bridge that both halves see; or a ring in which each sees its neighbours only. */
export function partitionSome(scene: Scene): boolean {
  const { random } = scene;
  const shape = random.next();
  const servers = random.shuffled(serversOf(scene));
  if (shape < 0.25 && servers.length > 3) {
    const apart = servers.flatMap((a, i) =>
      servers.flatMap((b, j) => {
        const distance = Math.abs(i - j);
        return i < j && distance > 1 && distance < servers.length - 1 ? bothWays(a, b) : [];
      }),
    );
    return blockFor(scene, apart);
  }
  const bridge = shape < 0.5 ? servers[0] : undefined;
  const hosts = hostsOf(scene).filter((host) => host !== bridge);
  const side = hosts.filter(() => random.chance(0.5));
  return blockFor(
    scene,
    between(
      side,
      hosts.filter((host) => !side.includes(host)),
    ),
  );
}

export function isolateLeader(scene: Scene): boolean {
  const { leader } = scene.cluster;
  if (leader === undefined) return false;
  // With or without its clients: the dangerous leader is one that somebody still talks to.
  const others = scene.random.chance(0.5) ? hostsOf(scene) : serversOf(scene);
  return blockFor(
    scene,
    between(
      [leader.name],
      others.filter((name) => name !== leader.name),
    ),
  );
}

/**
 * Whoever becomes the leader next is cut off before it has done much: alone, or with some of the others. It counts when
 * that happens, since there may be no next leader.
 */
export function cutOffNextLeader(scene: Scene): boolean {
  const { random, cluster, later, happened } = scene;
  if (cluster.onNextLeader !== undefined) return false;
  cluster.onNextLeader = (leader) => {
    const alone = random.chance(0.6);
    later(random.exponential(random.pick([1, 10, 50, 200])), "cut off", () => {
      const others = serversOf(scene).filter((name) => name !== leader.name);
      const side = alone ? [] : random.shuffled(others).slice(0, Math.floor((others.length - 1) / 2));
      const apart = others.filter((name) => !side.includes(name));
      if (blockFor(scene, between([leader.name, ...side], apart))) happened("newLeader");
    });
  };
  return false;
}

function someLink(scene: Scene): Pair | undefined {
  const [a, b] = scene.random.shuffled(serversOf(scene));
  return a === undefined || b === undefined ? undefined : [a, b];
}

export function blockOneWay(scene: Scene): boolean {
  const link = someLink(scene);
  return link !== undefined && blockFor(scene, [link]);
}

export function slowLink(scene: Scene): boolean {
  const { random, network, options, later } = scene;
  const link = someLink(scene);
  if (link === undefined) return false;
  const release = network.slowDown([[...link, random.pick([50, 300, 1_000])]]);
  later(random.exponential(3_000 * options.tempo), "fast again", release);
  return true;
}

/** Every link between servers is slow for a while, each in its own way: answers come when nobody waits for them any more. */
export function congestion(scene: Scene): boolean {
  const { random, network, options, later } = scene;
  const servers = serversOf(scene);
  const slowestMs = options.electionTimeoutMs * random.pick([0.3, 1, 2]);
  const delays = servers.flatMap((a) =>
    servers.flatMap((b): [...Pair, number][] => (a === b ? [] : [[a, b, random.between(0, slowestMs)]])),
  );
  if (delays.length === 0) return false;
  later(random.exponential(3_000 * options.tempo), "fast again", network.slowDown(delays));
  return true;
}
