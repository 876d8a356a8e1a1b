import type { Administrator } from "../cluster/administrator.js";
import type { SimulatedCluster } from "../cluster/cluster.js";
import type { RaftView } from "../cluster/raft-view.js";
import { mend } from "../faults/disks.js";
import type { Nemesis } from "../faults/nemesis.js";
import type { RunObserver } from "../invariants/index.js";
import type { Network } from "../network/network.js";
import type { Process } from "../world/process.js";
import type { World } from "../world/world.js";
import type { SimulationOptions } from "./options.js";

/** Milliseconds in which administrators finish what they are about; a calm in which they do not is not judged. */
const ADMINISTRATORS_MAX_MS = 10_000;
/**
 * Milliseconds in which everything settles: peers that are dialled anew after a dial that hung, an election with its
 * splits, and clients whose operations of before fail, which ask what became of them and look for another node.
 */
const SETTLE_MS = 12_000;
/** Milliseconds between two looks. */
const LOOK_INTERVAL_MS = 250;
/** Entries of the log with which a member that was away for a moment catches up without a snapshot. */
const LONG_LOG_ENTRIES = 100;
const LONG_LOG_BYTES = 1_000_000;

/** What a calm works on. */
export interface CalmParts {
  readonly world: World;
  readonly network: Network;
  readonly cluster: SimulatedCluster;
  readonly administrator: Administrator;
  readonly nemesis: Nemesis;
  readonly observer: RunObserver;
  readonly options: SimulationOptions;
  /** The clients' processes that live, and the endpoints that each was started with. */
  readonly clients: () => readonly { readonly process: Process; readonly endpoints: readonly string[] }[];
  /** Client endpoints of the members that live. */
  readonly reachable: () => ReadonlySet<string>;
  /** Ids of the members. */
  readonly members: () => ReadonlySet<number>;
  /** Goes on for so long, unless the run has failed. */
  readonly pass: (ms: number) => void;
  readonly failed: () => boolean;
}

/** Everything is healed for a while, in which the clients go on and nothing but service may be seen. */
export function passCalm(parts: CalmParts, judgedMs: number): void {
  const { world, administrator, nemesis, observer, pass } = parts;
  nemesis.stop();
  heal(parts);
  const patientUntilMs = world.nowMs + ADMINISTRATORS_MAX_MS;
  while (administrator.busy && world.nowMs < patientUntilMs && !parts.failed()) pass(LOOK_INTERVAL_MS);
  if (!administrator.busy && !parts.failed()) {
    pass(SETTLE_MS);
    begin(parts);
    const untilMs = world.nowMs + judgedMs;
    while (world.nowMs < untilMs && !parts.failed()) {
      pass(LOOK_INTERVAL_MS);
      observer.calmLooked(viewsOf(parts), world.nowMs);
    }
    if (!parts.failed()) observer.calmEnds(world.nowMs);
  }
  if (!parts.failed()) nemesis.start();
}

function heal({ world, network, cluster, options, clients }: CalmParts): void {
  network.heal();
  for (const node of cluster.nodes.values()) {
    mend(node, options);
    if (node.process !== undefined) world.resume(node.process);
    if (!node.damaged && !node.leaving) cluster.boot(node);
  }
  for (const { process } of clients()) world.resume(process);
}

function begin(parts: CalmParts): void {
  const { world, observer, options } = parts;
  const reachable = parts.reachable();
  const lost = parts
    .clients()
    .filter(({ endpoints }) => !endpoints.some((endpoint) => reachable.has(endpoint)))
    .map(({ process }) => process.host);
  observer.calmBegins(
    {
      members: parts.members(),
      reaches: (client) => !lost.includes(client.split(".", 1)[0] ?? ""),
      catchesUp:
        Math.min(...options.logEntriesKept) >= LONG_LOG_ENTRIES && options.logBytesKept >= LONG_LOG_BYTES,
    },
    world.nowMs,
  );
}

function viewsOf({ cluster }: CalmParts): RaftView[] {
  return cluster.live.flatMap(({ view }) => view ?? []);
}
