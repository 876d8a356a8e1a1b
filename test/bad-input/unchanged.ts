import { expect } from "vitest";
import { eventually, LocalCluster, type LocalClusterOptions } from "../cluster/local-cluster.js";

/**
 * Starts a cluster and waits until its nodes have introduced themselves, and agreed on their limits and on the history's
 * id: from then on only clients change anything.
 */
export async function startQuietCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const cluster = await LocalCluster.start(options);
  await using client = await cluster.connect({ session: false });
  await eventually(
    async () => (await client.members()).every(({ clientEndpoint }) => clientEndpoint !== ""),
    "all members to be known",
  );
  await eventually(async () => (await client.stat("/")).spaceBytesMax !== 0, "the limits to be agreed");
  await eventually(async () => {
    const statuses = await Promise.all(cluster.endpoints.map((endpoint) => client.status(endpoint)));
    return statuses.every(({ historyId }) => historyId !== undefined);
  }, "the history to have an id");
  return cluster;
}

/** What an input must not change: the state of all nodes, by its hash, and the store's revision. */
interface State {
  readonly hash: string;
  readonly revision: number | undefined;
}

async function stateOf(cluster: LocalCluster): Promise<State> {
  const hash = await cluster.waitForAgreement();
  return { hash, revision: (await cluster.status(0))?.revision };
}

/** Does something that must change nothing on any node. */
export async function changesNothing(cluster: LocalCluster, act: () => Promise<unknown>): Promise<void> {
  const before = await stateOf(cluster);
  await act();
  expect(await stateOf(cluster)).toEqual(before);
}

/** All nodes run, are ready, and agree; and the cluster still takes a write. */
export async function expectHealthy(cluster: LocalCluster): Promise<void> {
  for (let i = 0; i < cluster.size; i++) {
    expect(cluster.isRunning(i)).toBe(true);
    const ready = await fetch(`http://127.0.0.1:${cluster.node(i).httpPort}/readyz`);
    expect(await ready.json()).toEqual({ status: "ok", reason: "ok" });
  }
  await using client = await cluster.connect({ session: false });
  await client.put("/healthy", String(cluster.size));
  expect((await client.get("/healthy"))?.text()).toBe(String(cluster.size));
  await cluster.waitForAgreement();
}
