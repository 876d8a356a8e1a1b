import { CompareFailed, OutcomeUnknown, type Quorate, SessionExpired } from "@quorate/sdk";
import { expect, it } from "vitest";
import { LocalCluster, sleep } from "./local-cluster.js";

const CLIENTS = 50;
const LOAD_MS = 28_000;
const KILL_INTERVAL_MS = 5_000;
const FIRST_KILL_MS = 4_000;
const DOWN_MS = 2_000;
const HOT = "/counters/hot";

it("every acknowledged increment counts exactly once, with fifty clients through a leader's death every five seconds", async () => {
  await using cluster = await LocalCluster.start();
  const acknowledged = new Map<string, number>();
  let conflicts = 0;
  let unknown = 0;
  let sessionsLost = 0;
  const endAtMs = performance.now() + LOAD_MS;

  const open = (): Promise<Quorate> =>
    cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 30_000, connectTimeoutMs: 30_000 });

  /** Compare and swap; false when another client was faster. */
  const increment = async (quorate: Quorate, path: string): Promise<boolean> => {
    const entry = await quorate.get(path);
    const next = entry === undefined ? 1 : Number(entry.text()) + 1;
    try {
      await quorate.put(path, String(next), { ifModRevision: entry?.modRevision ?? 0 });
      return true;
    } catch (error) {
      if (error instanceof CompareFailed) return false;
      throw error;
    }
  };

  const client = async (id: number): Promise<void> => {
    let quorate = await open();
    for (let i = 0; performance.now() < endAtMs; i++) {
      // The hot one is everybody's; of the others each is shared by ten clients.
      const path = i % 2 === 0 ? HOT : `/counters/${id % 5}`;
      try {
        if (await increment(quorate, path)) acknowledged.set(path, (acknowledged.get(path) ?? 0) + 1);
        else conflicts++;
      } catch (error) {
        if (error instanceof OutcomeUnknown) unknown++;
        else if (!(error instanceof SessionExpired)) throw error;
        if (quorate.state === "expired") {
          sessionsLost++;
          quorate = await open();
        }
      }
    }
    await quorate.close();
  };

  let kills = 0;
  const killer = async (): Promise<void> => {
    await sleep(FIRST_KILL_MS);
    while (performance.now() + DOWN_MS < endAtMs) {
      const startedAtMs = performance.now();
      const leader = await cluster.killLeader();
      kills++;
      await sleep(DOWN_MS);
      cluster.launch(leader);
      await sleep(Math.max(0, KILL_INTERVAL_MS - (performance.now() - startedAtMs)));
    }
  };

  await Promise.all([killer(), ...Array.from({ length: CLIENTS }, (_, id) => client(id))]);

  await using quorate = await open();
  let total = 0;
  for (const [path, increments] of acknowledged) {
    const entry = await quorate.get(path);
    expect(Number(entry?.text()), path).toBe(increments);
    expect(entry?.version, path).toBe(increments);
    total += increments;
  }
  console.info(
    `${total} increments (${acknowledged.get(HOT)} of the hot counter), ${conflicts} conflicts, ` +
      `${kills} kills, ${sessionsLost} sessions lost, ${unknown} outcomes unknown`,
  );
  expect(unknown).toBe(0);
  expect(sessionsLost).toBe(0);
  expect(kills).toBeGreaterThanOrEqual(5);
  expect(total).toBeGreaterThanOrEqual(1_000);
  expect(acknowledged.get(HOT)).toBeGreaterThanOrEqual(200);
  await cluster.waitForAgreement();
}, 180_000);
