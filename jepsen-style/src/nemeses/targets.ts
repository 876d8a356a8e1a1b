import type { Cluster } from "../cluster/cluster.js";
import type { Random } from "../random/seeded-random.js";

/** The size of the largest minority. */
export function minoritySize(nodes: number): number {
  return Math.ceil(nodes / 2) - 1;
}

/**
 * The nodes to hurt: mostly the leader or a minority, which the cluster must shrug off, sometimes a majority or all,
 * which it must come back from.
 */
export async function chooseTargets(cluster: Cluster, random: Random): Promise<string[]> {
  const names = random.shuffle(cluster.names);
  const kind = random.next();
  if (kind < 0.4) {
    const leader = await cluster.leader();
    return leader === undefined ? names.slice(0, 1) : [leader];
  }
  if (kind < 0.8) return names.slice(0, 1 + random.below(minoritySize(names.length)));
  if (kind < 0.93) return names.slice(0, minoritySize(names.length) + 1);
  return names;
}
