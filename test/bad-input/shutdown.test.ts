import { connect, type StateChange } from "@quorate/sdk";
import { expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";

/** Milliseconds in which a node must be gone, whatever its clients do: less than any supervisor's patience. */
const PROMPT_MS = 3_000;

it("stops promptly and in order on SIGTERM and SIGINT while clients hold sessions, watches and locks", async () => {
  await using cluster = await LocalCluster.start();
  const states: StateChange[] = [];
  const clients = await Promise.all(
    cluster.endpoints.map((endpoint) =>
      connect([endpoint, ...cluster.endpoints], {
        followLeader: false,
        sessionTtlMs: 30_000,
        onStateChange: (state) => states.push(state),
      }),
    ),
  );
  try {
    const watches = clients.map((client) => client.watch("/busy", { recursive: true, initial: true }));
    const firsts = watches.map((watch) => watch.next());
    const locks = await Promise.all(clients.map((client, i) => client.lock(`/locks/${i}`)));
    await clients[0]?.put("/busy/1", "x");
    await Promise.all(firsts);
    // Waits in the queue while its node stops.
    const queued = clients[1]?.lock("/locks/0", { timeoutMs: 60_000 });

    expect(await stopWithin(cluster, 0, "SIGTERM")).toBe(0);
    await cluster.waitForLeader();
    for (const lock of locks) expect(lock.signal.aborted).toBe(false);
    for (const client of clients) await client.put("/busy/2", "x", { timeoutMs: 15_000 });
    await eventually(
      () => clients.every(({ state }) => state === "connected"),
      "every session to be resumed",
    );
    await locks[0]?.release();
    expect((await queued)?.token).toBeGreaterThan(locks[0]?.token ?? Number.MAX_SAFE_INTEGER);

    // Without a quorum a node stops as promptly.
    expect(await stopWithin(cluster, 1, "SIGINT")).toBe(0);
    expect(await stopWithin(cluster, 2, "SIGTERM")).toBe(0);
    expect(states).not.toContain("expired");
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
});

async function stopWithin(
  cluster: LocalCluster,
  node: number,
  signal: NodeJS.Signals,
): Promise<number | null> {
  const { process } = cluster.node(node);
  const gone = new Promise<number | null>((resolve) => process?.once("exit", resolve));
  process?.kill(signal);
  await eventually(() => !cluster.isRunning(node), `node ${node} to stop`, PROMPT_MS);
  return await gone;
}
