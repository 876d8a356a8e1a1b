import type { Lane, Pair } from "../network/network.js";
import { pickSome, type Scene, touchable } from "./scene.js";

/**
 * Who has dialled whom. Mostly it is between a leader and a follower, where most depends on it; now and then a client and
 * a server.
 */
function someDialed(scene: Scene): Pair | undefined {
  const { cluster, random, clients } = scene;
  const servers = touchable(scene).map(({ name }) => name);
  const shape = random.next();
  const leader = cluster.leader?.name;
  const follower = pickSome(
    servers.filter((name) => name !== leader),
    random,
  );
  if (shape < 0.5 && leader !== undefined) return follower === undefined ? undefined : [follower, leader];
  if (shape < 0.65 && leader !== undefined) return follower === undefined ? undefined : [leader, follower];
  const client = pickSome(clients(), random)?.host;
  const [a, b] = random.shuffled(servers);
  if (shape < 0.8 && client !== undefined && a !== undefined) return [client, a];
  return a === undefined || b === undefined ? undefined : [a, b];
}

/**
 * Of the two connections between a pair the one that one of them has dialled fails alone, as behind a firewall: its bytes
 * are held, one way or both, or late; it may have been reset before, and cannot be dialled anew.
 */
export function oneConnection(scene: Scene): boolean {
  const { network, random, options, later } = scene;
  const dialed = someDialed(scene);
  if (dialed === undefined) return false;
  const lanes = random.pick<readonly Lane[]>([
    [[...dialed, "there"]],
    [[...dialed, "back"]],
    [
      [...dialed, "there"],
      [...dialed, "back"],
    ],
  ]);
  const forMs = random.exponential(random.pick([1_000, 4_000, 10_000]) * options.tempo);
  if (random.chance(0.25)) {
    const ms = random.pick([50, 300, 1_000]);
    later(forMs, "fast again", network.slowLanesDown(lanes.map((lane) => [...lane, ms])));
    return true;
  }
  const release = network.blockLanes(lanes);
  if (random.chance(0.5)) network.reset(...dialed);
  later(forMs, "heal", release);
  return true;
}

/** Both ends of such a connection believe that it stands, and no byte passes. */
export function forgetConnections(scene: Scene): boolean {
  const dialed = someDialed(scene);
  return dialed !== undefined && scene.network.forget(...dialed) > 0;
}
