import type { Cluster } from "../cluster/cluster.js";
import type { Random } from "../random/seeded-random.js";

/** The nemeses there are. */
export const NEMESIS_NAMES = ["kill", "pause", "partition", "connection", "drop"] as const;

/** One of {@link NEMESIS_NAMES}. */
export type NemesisName = (typeof NEMESIS_NAMES)[number];

/** A fault in effect. */
export interface Fault {
  /** What was done, for people. */
  readonly description: string;
  /** Undoes it. */
  heal(): Promise<void>;
}

/** A way to hurt a cluster. Faults of different nemeses may overlap. */
export interface Nemesis {
  /** The name people choose it by. */
  readonly name: NemesisName;
  /** Hurts the cluster in a way that the random source chooses. */
  strike(cluster: Cluster, random: Random): Promise<Fault>;
}
