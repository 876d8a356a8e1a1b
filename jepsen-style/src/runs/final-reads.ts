import { connect, QuorateError } from "@quorate/sdk";
import type { Cluster } from "../cluster/cluster.js";
import type { HistoryWriter } from "../history/writer.js";
import type { Workload } from "../workloads/workload.js";
import { FINAL_TIMEOUT_MS, OPERATION_TIMEOUT_MS, RETRY_PAUSE_MS } from "./bounds.js";
import { pauseFor } from "./pause.js";
import type { Tally } from "./tally.js";
import { recordOperation } from "./worker.js";

/** Does the workload's last operations at every node at once. Returns what stayed undone, for people. */
export async function finalReads(
  cluster: Cluster,
  workload: Workload,
  keys: readonly string[],
  history: HistoryWriter,
  tally: Tally,
  signal: AbortSignal,
): Promise<string[]> {
  const deadline = performance.now() + FINAL_TIMEOUT_MS;
  const undone = await Promise.all(
    cluster.names.map(async (name): Promise<string[]> => {
      const endpoint = cluster.network.clientAddress(name);
      try {
        await using quorate = await connect(endpoint, {
          followLeader: false,
          connectTimeoutMs: FINAL_TIMEOUT_MS,
          signal,
        });
        const missing: string[] = [];
        for (const invoke of workload.finalGenerator(keys)) {
          let type: string = "fail";
          while (type !== "ok" && performance.now() < deadline && !signal.aborted) {
            const completion = await recordOperation(`final-${name}`, invoke, history, () =>
              workload.client(quorate, invoke, OPERATION_TIMEOUT_MS),
            );
            tally.add(invoke.f, completion.type);
            type = completion.type;
            if (type !== "ok") await pauseFor(RETRY_PAUSE_MS, signal);
          }
          if (type !== "ok")
            missing.push(`final ${invoke.f} of key ${invoke.key} at ${name} did not succeed`);
        }
        return missing;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        return [`no session for final operations at ${name}: ${error.message}`];
      }
    }),
  );
  return undone.flat();
}
