import { expect, it } from "vitest";
import { ChildProgram } from "./child-program.js";
import { eventually, LocalCluster, sleep } from "./local-cluster.js";
import { Observer } from "./observer.js";

const KEYS = 20;
/** How much later than its TTL a lease may end: the tests wait no longer. */
const LATE_MAX_MS = 10_000;

/** The machine's monotonic clock, which all processes share. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function tenant(cluster: LocalCluster, directory: string, ttlMs: number): ChildProgram {
  return new ChildProgram("tenant", [cluster.endpoints.join(","), directory, String(KEYS), String(ttlMs)]);
}

async function observe(cluster: LocalCluster, directory: string): Promise<Observer> {
  const client = await cluster.connect({ session: false });
  return new Observer(client, directory, { recursive: true, fromRevision: 1 });
}

/** Waits until the tenant's keys are gone, and returns when that was seen. */
async function gone(observer: Observer): Promise<number> {
  await eventually(
    () => observer.events.some(({ kind }) => kind === "delete"),
    "the keys to go",
    2 * LATE_MAX_MS,
  );
  const goneAtMs = nowMs();
  await eventually(() => observer.events.length === 2 * KEYS, "all the keys to go");
  const deletes = observer.events.filter(({ kind }) => kind === "delete");
  expect(deletes).toHaveLength(KEYS);
  expect(new Set(deletes.map(({ revision }) => revision)).size).toBe(1);
  return goneAtMs;
}

it("the keys of a session go all at once when its client dies, and not before the TTL", async () => {
  const TTL_MS = 3_000;
  await using cluster = await LocalCluster.start();
  await using observer = await observe(cluster, "/tenant");
  await using client = tenant(cluster, "/tenant", TTL_MS);
  const { askedAtMs } = await client.report("ready");
  await client.kill();
  const killedAtMs = nowMs();
  const goneAtMs = await gone(observer);
  expect(goneAtMs - Number(askedAtMs)).toBeGreaterThanOrEqual(TTL_MS);
  expect(goneAtMs - killedAtMs).toBeLessThan(TTL_MS + LATE_MAX_MS);
  console.info(
    `TTL ${TTL_MS} ms: the keys went ${Math.round(goneAtMs - Number(askedAtMs))} ms after the session was asked for, ` +
      `${Math.round(goneAtMs - killedAtMs)} ms after its client died`,
  );
  await cluster.waitForAgreement();
});

it("the keys of a session stay while its client lives, through the death of a leader, and go a TTL after its own", async () => {
  const TTL_MS = 3_000;
  await using cluster = await LocalCluster.start();
  await using observer = await observe(cluster, "/tenant");
  await using client = tenant(cluster, "/tenant", TTL_MS);
  await client.report("ready");
  await sleep(2 * TTL_MS);
  expect(observer.events.filter(({ kind }) => kind === "delete")).toEqual([]);
  cluster.launch(await cluster.killLeader());
  await sleep(2 * TTL_MS);
  expect(observer.events.filter(({ kind }) => kind === "delete")).toEqual([]);

  await client.kill();
  const killedAtMs = nowMs();
  const goneAtMs = await gone(observer);
  // It may have been a third of the TTL since the last keepalive.
  expect(goneAtMs - killedAtMs).toBeGreaterThanOrEqual((TTL_MS * 2) / 3 - 100);
  await cluster.waitForAgreement();
});

it("a new leader gives every lease its full TTL once more", async () => {
  const TTL_MS = 4_000;
  await using cluster = await LocalCluster.start();
  await using observer = await observe(cluster, "/tenant");
  await using client = tenant(cluster, "/tenant", TTL_MS);
  const { askedAtMs } = await client.report("ready");
  await client.kill();
  await sleep(Number(askedAtMs) + TTL_MS - 1_000 - nowMs());
  const leader = await cluster.waitForLeader();
  const leaderKilledAtMs = nowMs();
  await cluster.kill(leader);
  expect(leaderKilledAtMs - Number(askedAtMs)).toBeLessThan(TTL_MS);
  const goneAtMs = await gone(observer);
  // The new leader can only have begun to count after the old one died.
  expect(goneAtMs - leaderKilledAtMs).toBeGreaterThanOrEqual(TTL_MS);
  expect(goneAtMs - leaderKilledAtMs).toBeLessThan(TTL_MS + LATE_MAX_MS);
  console.info(
    `TTL ${TTL_MS} ms: the keys went ${Math.round(goneAtMs - leaderKilledAtMs)} ms after the leader died`,
  );
  cluster.launch(leader);
  await cluster.waitForAgreement();
});
