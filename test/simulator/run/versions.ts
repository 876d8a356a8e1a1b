import { COMMAND_FORMAT } from "../../../server/src/node/command-codec-format.js";
import type { Random } from "../world/random.js";
import type { SimulationOptions } from "./options.js";

/** Which versions the nodes of a run are of, by the newest format of commands that each knows. */
export interface Versions {
  /** Each member of the first configuration is of one of these at its first start. */
  readonly founders: readonly number[];
  /** Each node that joins later likewise, until somebody has to upgrade it. */
  readonly joiners: readonly number[];
  /** Milliseconds between two upgrades on average. */
  readonly upgradeMs: number;
  /** Whether members of the first configuration that were not upgraded by the end stay as they are. */
  readonly stayMixed: boolean;
}

/** Part of the runs that begin with older versions. */
const MIXED_SHARE = 0.08;

/** The newest version, which every node is of unless told otherwise and which an upgrade leads to. */
export const newestVersion = COMMAND_FORMAT;

const newest = [newestVersion];

/** Nobody is of an older version. */
export const allNewest: Versions = { founders: newest, joiners: newest, upgradeMs: 5_000, stayMixed: false };

export function drawVersions(random: Random): Versions {
  const older = random.chance(MIXED_SHARE);
  const founders = random.pick([newest, [1], [2], [1, 2], [1, newestVersion], [2, newestVersion]]);
  const joiners = random.pick([newest, [1], [2], [1, 2, newestVersion]]);
  return {
    founders: older ? founders : newest,
    joiners: older ? joiners : newest,
    upgradeMs: random.pick([2_000, 5_000]),
    stayMixed: random.chance(0.3),
  };
}

/** What it takes beside the options of a run for nodes to be of these versions. */
export function mixed(
  { faults }: Pick<SimulationOptions, "faults">,
  { founders, joiners, upgradeMs, stayMixed }: Versions,
): Partial<SimulationOptions> {
  if ([...founders, ...joiners].every((version) => version === newestVersion)) return {};
  // No address is changed before all are upgraded: where some never are, who asks for it would wait for ever. Nor is it
  // told before what is left of a lease: there each leader gives it its full time.
  const { move: _, ...others } = faults;
  return {
    faults: { ...(stayMixed ? others : faults), upgrade: upgradeMs },
    ...(stayMixed ? { leadershipMs: 0 } : {}),
  };
}
