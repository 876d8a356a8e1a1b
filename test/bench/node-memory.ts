import { readFileSync } from "node:fs";
import { type LocalCluster, sleep } from "../cluster/local-cluster.js";

/** Milliseconds without load after which garbage is mostly collected. */
const SETTLE_MS = 3_000;

/** Resident bytes of a node's process once it had nothing to do for a while. Linux only. */
export async function residentBytes(cluster: LocalCluster, index: number): Promise<number> {
  await sleep(SETTLE_MS);
  const pid = cluster.node(index).process?.pid;
  if (pid === undefined) throw new Error(`node ${index} does not run`);
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}
