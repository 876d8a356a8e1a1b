import type { Cluster } from "../cluster/cluster.js";
import type { Random } from "../random/seeded-random.js";
import { pauseFor } from "../runs/pause.js";
import { connection } from "./connection.js";
import { drop } from "./drop.js";
import { kill } from "./kill.js";
import type { Fault, Nemesis, NemesisName } from "./nemesis.js";
import { partition } from "./partition.js";
import { pause } from "./pause.js";

/** Calm before the first fault, in milliseconds, so that every key has been written. */
const CALM_MS = 1_000;
/** A fault lasts at least so long, in milliseconds: more than the election timeout with its jitter. */
const FAULT_MIN_MS = 2_500;
/** A fault lasts at most so long, in milliseconds: several faults of each kind fit into a minute. */
const FAULT_MAX_MS = 6_000;
/** Bounds of the pause between two strikes, in milliseconds. */
const GAP_MIN_MS = 1_000;
const GAP_MAX_MS = 4_000;
/** Faults in effect at the same time: more would mostly mean no quorum, and no operation to learn from. */
const ACTIVE_FAULTS_MAX = 2;

const nemeses: Record<NemesisName, Nemesis> = { kill, pause, partition, connection, drop };

/** What the nemesis did, for its log. */
export interface NemesisEvent {
  /** The kind of fault. */
  readonly nemesis: NemesisName;
  /** Whether the fault began or ended. */
  readonly action: "strike" | "heal";
  /** What was done. */
  readonly description: string;
}

/** Hands out the nemeses in shuffled rounds, so that each gets its turn early and equally often. */
function* rounds(names: readonly NemesisName[], random: Random): Generator<NemesisName, never> {
  for (;;) yield* random.shuffle(names);
}

/** Strikes and heals by a schedule drawn from the seed, until the signal; then heals whatever is left. */
export async function runNemeses(
  names: readonly NemesisName[],
  cluster: Cluster,
  random: Random,
  log: (event: NemesisEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (names.length === 0) return;
  const active = new Map<NemesisName, Promise<void>>();
  const turns = rounds(names, random);
  await pauseFor(CALM_MS, signal);
  while (!signal.aborted) {
    const name = turns.next().value;
    // A kind that is still in effect, or too many of them: wait for one to heal.
    while (active.has(name)) await active.get(name);
    while (active.size >= ACTIVE_FAULTS_MAX) await Promise.race(active.values());
    if (signal.aborted) break;
    const fault = await nemeses[name].strike(cluster, random);
    log({ nemesis: name, action: "strike", description: fault.description });
    const durationMs = FAULT_MIN_MS + random.below(FAULT_MAX_MS - FAULT_MIN_MS);
    active.set(
      name,
      healAfter(name, fault, durationMs, log, signal).finally(() => active.delete(name)),
    );
    await pauseFor(GAP_MIN_MS + random.below(GAP_MAX_MS - GAP_MIN_MS), signal);
  }
  await Promise.all(active.values());
}

async function healAfter(
  nemesis: NemesisName,
  fault: Fault,
  durationMs: number,
  log: (event: NemesisEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  await pauseFor(durationMs, signal);
  await fault.heal();
  log({ nemesis, action: "heal", description: fault.description });
}
