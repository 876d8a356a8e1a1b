import { expect, it } from "vitest";
import { eventually, LocalCluster, sleep } from "./local-cluster.js";

const TTL_MS = 5_000;

it("a session and its lock outlive bursts of their client's own writes that take longer than its TTL to carry out", async () => {
  const PENDING = 10_000;
  await using cluster = await LocalCluster.start({ nodes: 1 });
  await using client = await cluster.connect({ sessionTtlMs: TTL_MS });
  const lock = await client.lock("/lock");
  const value = new Uint8Array(4_096);
  const untilMs = performance.now() + 3 * TTL_MS;
  let done = 0;
  const codes = new Set<unknown>();
  const write = async (n: number): Promise<void> => {
    while (performance.now() < untilMs) {
      try {
        await client.put(`/burst/${n % 100}`, value, { timeoutMs: 120_000 });
        done += 1;
      } catch (error) {
        codes.add((error as { readonly code?: unknown }).code);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: PENDING }, (_, n) => write(n)));
  expect([...codes]).toEqual([]);
  expect(done).toBeGreaterThanOrEqual(PENDING);
  expect(client.state).toBe("connected");
  expect(lock.signal.aborted).toBe(false);
});

it("a session and its lock outlive a flood of other sessions' writes", async () => {
  const PENDING = 2_000;
  await using cluster = await LocalCluster.start();
  await using client = await cluster.connect({ sessionTtlMs: TTL_MS });
  const lock = await client.lock("/lock");
  const others = await Promise.all([1, 2].map(() => cluster.connect({ sessionTtlMs: 60_000 })));
  const untilMs = performance.now() + 3 * TTL_MS;
  const value = new Uint8Array(4_096);
  const write = async (n: number): Promise<void> => {
    while (performance.now() < untilMs) {
      await others[n % others.length]?.put(`/flood/${n % 100}`, value, { timeoutMs: 120_000 });
    }
  };
  await Promise.all(Array.from({ length: PENDING }, (_, n) => write(n)));
  expect(client.state).toBe("connected");
  expect(lock.signal.aborted).toBe(false);
  await Promise.all(others.map((other) => other.close()));
});

it("sessions at a node that hangs leave it, and live, as long as a majority runs", async () => {
  await using cluster = await LocalCluster.start();
  const leader = await cluster.leader();
  const hung = (leader + 1) % cluster.size;
  const clients = await Promise.all(
    Array.from({ length: 9 }, () => cluster.connect({ sessionTtlMs: TTL_MS, followLeader: false })),
  );
  const locks = await Promise.all(clients.map((client, n) => client.lock(`/lock/${n}`)));
  const sessions = clients.map(({ sessionId }) => sessionId);
  cluster.signal(hung, "SIGSTOP");
  try {
    await sleep(3 * TTL_MS);
    expect(locks.map(({ signal }) => signal.aborted)).toEqual(locks.map(() => false));
    await Promise.all(clients.map((client, n) => client.put(`/after/${n}`, "1", { timeoutMs: 60_000 })));
    expect(clients.map(({ sessionId }) => sessionId)).toEqual(sessions);
    await eventually(() => clients.every(({ state }) => state === "connected"), "all to be connected");
  } finally {
    cluster.signal(hung, "SIGCONT");
    await Promise.all(clients.map((client) => client.close()));
  }
});
