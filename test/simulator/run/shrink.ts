import type { FaultKind } from "./fault-kinds.js";
import type { Overrides, SimulationOptions, WorkloadKind } from "./options.js";
import type { SeedResult } from "./result.js";

/** Runs tried while shrinking. */
const ATTEMPTS_MAX = 60;

/** Disturbances that are none at 0. */
const zeroable = [
  "lossRate",
  "duplicationRate",
  "reorderingRate",
  "replayRate",
  "clockDriftMax",
  "turnDelayMs",
] as const;

/**
 * Makes a failing run smaller: without faults, workloads, clients and disturbances that it does not need, and shorter,
 * as long as it breaks the same promise. Returns the smallest found.
 */
export async function shrink(
  failing: SeedResult,
  run: (overrides: Overrides) => Promise<SeedResult>,
  progress: (text: string) => void,
): Promise<SeedResult> {
  const invariant = failing.violation?.invariant;
  let best = failing;
  let attempts = 0;
  const stillFails = async (change: Overrides, what: string): Promise<boolean> => {
    if (attempts >= ATTEMPTS_MAX) return false;
    attempts++;
    const result = await run({ ...best.options, ...change });
    if (result.violation?.invariant !== invariant) return false;
    best = result;
    progress(`still ${invariant} ${what}`);
    return true;
  };
  for (const kind of Object.keys(best.options.faults) as FaultKind[]) {
    await stillFails({ faults: without(best.options, kind) }, `without ${kind}`);
  }
  for (const kind of best.options.workloads) {
    if (best.options.workloads.length > 1) {
      await stillFails({ workloads: dropped(best.options.workloads, kind) }, `without ${kind}`);
    }
  }
  for (const name of zeroable) {
    if (best.options[name] > 0) await stillFails({ [name]: 0 }, `without ${name}`);
  }
  if (best.options.calms.length > 0) await stillFails({ calms: [] }, "without a calm");
  if (best.options.powerCycle)
    await stillFails({ powerCycle: false }, "without the loss of power at the end");
  while (
    best.options.clients > 1 &&
    (await stillFails({ clients: best.options.clients - 1 }, "with fewer clients"))
  );
  // Nothing after the violation is needed.
  const failedAtMs = Math.ceil(best.simulatedMs);
  if (failedAtMs < best.options.safetyMs)
    await stillFails({ safetyMs: failedAtMs }, `within ${failedAtMs} ms`);
  while (
    best.options.safetyMs > 500 &&
    (await stillFails({ safetyMs: Math.floor(best.options.safetyMs * 0.7) }, "in less time"))
  );
  return best;
}

function without({ faults }: SimulationOptions, kind: FaultKind): SimulationOptions["faults"] {
  return Object.fromEntries(Object.entries(faults).filter(([each]) => each !== kind));
}

function dropped(workloads: readonly WorkloadKind[], kind: WorkloadKind): WorkloadKind[] {
  return workloads.filter((each) => each !== kind);
}
