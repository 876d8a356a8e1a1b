import type { Cluster } from "../cluster/cluster.js";
import { FINAL_TIMEOUT_MS, RETRY_PAUSE_MS } from "./bounds.js";
import { pauseFor } from "./pause.js";

/** Whether the nodes came to one state. */
export type Convergence =
  | { readonly kind: "converged"; readonly appliedIndex: number; readonly stateHash: string }
  | {
      readonly kind: "diverged";
      readonly appliedIndex: number;
      readonly hashes: Readonly<Record<string, string>>;
    }
  | { readonly kind: "unsettled"; readonly reason: string };

/** Waits until every node has applied the same index, and compares the states' hashes there. */
export async function awaitConvergence(cluster: Cluster, signal: AbortSignal): Promise<Convergence> {
  const deadline = performance.now() + FINAL_TIMEOUT_MS;
  let latest = "no node answered";
  while (performance.now() < deadline && !signal.aborted) {
    const statuses = await cluster.statuses();
    const [first] = statuses;
    if (first !== undefined && statuses.length === cluster.servers.length) {
      if (statuses.every(({ appliedIndex }) => appliedIndex === first.appliedIndex)) {
        const { appliedIndex, stateHash } = first;
        if (statuses.every((status) => status.stateHash === stateHash)) {
          return { kind: "converged", appliedIndex, stateHash };
        }
        const hashes = Object.fromEntries(statuses.map(({ name, stateHash: hash }) => [name, hash]));
        return { kind: "diverged", appliedIndex, hashes };
      }
    }
    latest = statuses.map(({ name, appliedIndex }) => `${name} applied ${appliedIndex}`).join(", ");
    await pauseFor(RETRY_PAUSE_MS, signal);
  }
  return { kind: "unsettled", reason: latest };
}
