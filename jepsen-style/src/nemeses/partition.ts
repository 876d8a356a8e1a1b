import type { Cluster } from "../cluster/cluster.js";
import type { Link } from "../cluster/network.js";
import type { Random } from "../random/seeded-random.js";
import type { Nemesis } from "./nemesis.js";
import { minoritySize } from "./targets.js";

interface Cut {
  readonly description: string;
  /** Whether messages on the link are lost. */
  readonly loses: (link: Link) => boolean;
}

/** Blocks links between nodes; clients still reach every node. Heals by letting the held bytes go, or by resets. */
export const partition: Nemesis = {
  name: "partition",
  strike: async (cluster, random) => {
    const cut = await chooseCut(cluster, random);
    const links = cluster.network.links.filter(cut.loses);
    for (const link of links) cluster.network.block(link);
    const severs = random.chance(0.5);
    return {
      description: cut.description,
      heal: async () => {
        // Reset first, so that nothing held is delivered: the other half of the time all of it is, late.
        if (severs) for (const link of links) cluster.network.sever(link);
        for (const link of links) cluster.network.unblock(link);
      },
    };
  },
};

async function chooseCut(cluster: Cluster, random: Random): Promise<Cut> {
  const names = random.shuffle(cluster.names);
  const kind = random.next();
  if (kind < 0.35) {
    const leader = (await cluster.leader()) ?? names[0] ?? "";
    return isolate([leader]);
  }
  if (kind < 0.6) return isolate(names.slice(0, minoritySize(names.length)));
  if (kind < 0.85) return oneWay((await cluster.leader()) ?? names[0] ?? "", random.chance(0.5));
  return bridge(names);
}

function isolate(side: readonly string[]): Cut {
  return {
    description: `isolated ${side.join(", ")}`,
    loses: ({ from, to }) => side.includes(from) !== side.includes(to),
  };
}

function oneWay(name: string, deaf: boolean): Cut {
  return deaf
    ? { description: `${name} hears nobody`, loses: ({ to }) => to === name }
    : { description: `nobody hears ${name}`, loses: ({ from }) => from === name };
}

/** Two sides that see each other only through one node in the middle. */
function bridge(names: readonly string[]): Cut {
  const [middle = "", ...others] = names;
  const left = others.slice(0, others.length / 2);
  return {
    description: `${middle} bridges ${left.join(", ")} and ${others.slice(left.length).join(", ")}`,
    loses: ({ from, to }) => from !== middle && to !== middle && left.includes(from) !== left.includes(to),
  };
}
