import type { SimulatedCluster } from "../cluster/cluster.js";
import type { SimulatedNode } from "../cluster/simulated-node.js";
import type { Network } from "../network/network.js";
import type { FaultKind } from "../run/fault-kinds.js";
import type { SimulationOptions } from "../run/options.js";
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
  readonly busy: boolean;
  transfer(): boolean;
  changeMembership(): boolean;
  /** Gives a member another peer address, which another member may miss, and has it restarted there. */
  move(): boolean;
  replaceLost(node: SimulatedNode): boolean;
  /** Has as many of the nodes removed as there are programs with nothing to do, which ask one node only. */
  removeThrough(asked: SimulatedNode, nodes: readonly SimulatedNode[]): boolean;
  /** From now on any node is asked again. */
  askAnybody(): void;
}

/** Where faults happen, until everything is healed. */
export interface Scene extends Victims {
  /** Does it so much later, unless everything was healed by then. */
  later(delayMs: number, label: string, run: () => void): void;
  /** A fault that was prepared earlier has happened. */
  happened(kind: FaultKind): void;
}

export function pickSome<T>(items: readonly T[], random: Random): T | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}

export function someLive({ cluster, random }: Victims): SimulatedNode | undefined {
  // The leader is where most goes wrong.
  const { leader } = cluster;
  return leader !== undefined && random.chance(0.4) ? leader : pickSome(cluster.live, random);
}

/** The nodes that a fault can still touch: neither retired, nor on their way out and down for good. */
export function touchable({ cluster }: Victims): SimulatedNode[] {
  return [...cluster.nodes.values()].filter(
    ({ retired, leaving, process }) => !retired && (!leaving || process?.alive === true),
  );
}
