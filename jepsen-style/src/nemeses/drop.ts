import type { Cluster } from "../cluster/cluster.js";
import type { Random } from "../random/seeded-random.js";
import type { Fault, Nemesis } from "./nemesis.js";

/** Pause between two resets of a flaky network, in milliseconds: time for gRPC to reconnect and be cut again. */
const RESET_INTERVAL_MS = 400;

/** Resets random connections again and again, or swallows what a node and its clients say to each other. */
export const drop: Nemesis = {
  name: "drop",
  strike: async (cluster, random) =>
    random.chance(0.5) ? flaky(cluster, random) : cutClients(cluster, random),
};

function flaky(cluster: Cluster, random: Random): Fault {
  const reset = (): void => {
    for (const link of cluster.network.links) if (random.chance(0.3)) cluster.network.sever(link);
    for (const name of cluster.names) if (random.chance(0.3)) cluster.network.severClients(name);
  };
  reset();
  const timer = setInterval(reset, RESET_INTERVAL_MS);
  return { description: "reset random connections", heal: async () => clearInterval(timer) };
}

function cutClients(cluster: Cluster, random: Random): Fault {
  const targets = random.shuffle(cluster.names).slice(0, 1 + random.below(cluster.names.length));
  for (const name of targets) cluster.network.blockClients(name);
  return {
    description: `cut ${targets.join(", ")} off from clients`,
    heal: async () => {
      for (const name of targets) cluster.network.unblockClients(name);
    },
  };
}
