import type { Cluster } from "../cluster/cluster.js";
import type { Link } from "../cluster/network.js";
import type { Direction } from "../cluster/tcp-proxy.js";
import type { Random } from "../random/seeded-random.js";
import type { Nemesis } from "./nemesis.js";

interface Shape {
  readonly words: string;
  readonly directions: readonly Direction[];
}

/** Which way bytes are held: what is sent there, what comes back, or both. */
const bothWays: Shape = { words: "both ways", directions: ["outbound", "inbound"] };
const shapes: readonly Shape[] = [
  { words: "what it sends there", directions: ["outbound"] },
  { words: "what comes back on it", directions: ["inbound"] },
  bothWays,
];

/**
 * One of the two connections of a pair fails alone, as behind a firewall: bytes on what one node dials to another are
 * held, or its connections are reset and new ones held, while what the other dials goes on.
 */
export const connection: Nemesis = {
  name: "connection",
  strike: async (cluster, random) => {
    const link = await chooseDialed(cluster, random);
    const [shape = bothWays] = random.shuffle(shapes);
    const { network } = cluster;
    network.blockDialed(link, shape.directions);
    const resets = random.chance(0.5);
    if (resets) network.sever(link);
    return {
      description: `${resets ? "reset and held" : "held"} what ${link.from} dials to ${link.to}, ${shape.words}`,
      heal: async () => network.unblockDialed(link, shape.directions),
    };
  },
};

/** Mostly of a follower to the leader: it goes on hearing heartbeats, and is not heard. */
async function chooseDialed(cluster: Cluster, random: Random): Promise<Link> {
  const names = random.shuffle(cluster.names);
  const leader = (await cluster.leader()) ?? names[0] ?? "";
  const other = names.find((name) => name !== leader) ?? "";
  const kind = random.next();
  if (kind < 0.6) return { from: other, to: leader };
  if (kind < 0.8) return { from: leader, to: other };
  const [from = "", to = ""] = names;
  return { from, to };
}
