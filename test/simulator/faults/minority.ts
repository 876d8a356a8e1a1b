import { between } from "./links.js";
import { type Scene, touchable } from "./scene.js";

/** Milliseconds for which a minority is cut off: longer than any bound within which the others' clients must get on. */
const CUT_OFF_MIN_MS = 24_000;
const CUT_OFF_MAX_MS = 32_000;

/** When the present one ends, by the network that it is in: one at a time, so that the others are well meanwhile. */
const endsAtMs = new WeakMap<object, number>();

/**
 * Fewer than half of the servers are cut off from the others for long, the leader as likely as not among them, and
 * nothing else goes wrong. Some clients see all servers, some one side only: of a majority that is well, those that see
 * it must be served, and what waits at a node without one must hear of it.
 */
export function cutOffMinority(scene: Scene): boolean {
  const { random, cluster, network, world, later } = scene;
  if ((endsAtMs.get(network) ?? 0) > world.nowMs) return false;
  const { leader } = cluster;
  const voters = new Set(leader?.view?.configuration().voters ?? []);
  const servers = touchable(scene);
  const eligible = random.shuffled(servers.filter(({ id }) => id !== undefined && voters.has(id)));
  const first = leader !== undefined && random.chance(0.5) ? leader : eligible[0];
  const most = Math.floor((voters.size - 1) / 2);
  if (first === undefined || most < 1) return false;
  const others = eligible.filter((node) => node !== first);
  const cutOff = [first, ...others.slice(0, random.integer(0, most - 1))].map(({ name }) => name);
  const well = servers.map(({ name }) => name).filter((name) => !cutOff.includes(name));
  const pairs = between(cutOff, well);
  for (const host of new Set(scene.clients().map((client) => client.host))) {
    const sees = random.next();
    if (sees < 0.4) continue;
    pairs.push(...between([host], sees < 0.7 ? cutOff : well));
  }
  const release = network.block(pairs);
  const ms = random.between(CUT_OFF_MIN_MS, CUT_OFF_MAX_MS);
  endsAtMs.set(network, world.nowMs + ms);
  later(ms, "heal", release);
  return true;
}
