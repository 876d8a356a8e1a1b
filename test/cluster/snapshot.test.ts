import { expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";

const LOG_ENTRIES_KEPT = 100;
const VALUE_BYTES = 128 * 1_024;
/** More than four pieces of a snapshot. */
const LARGE_VALUES = 40;
/** Each an entry of its own, since each waits for the one before. */
const SMALL_WRITES = 500;

it("a node that was away while the log was cut gets a snapshot and agrees, with all of history, also after restarts", async () => {
  await using cluster = await LocalCluster.start({ flags: ["--log-entries-kept", String(LOG_ENTRIES_KEPT)] });
  await using quorate = await cluster.connect({ requestTimeoutMs: 15_000, sessionTtlMs: 60_000 });
  const lease = await quorate.lease(60_000);
  await quorate.put("/kept", "from before", { lease });
  const { revision: firstRevision } = await quorate.put("/counter", "start");
  await cluster.waitForAgreement();

  const leader = await cluster.waitForLeader();
  const absent = (leader + 1) % cluster.size;
  const last = await cluster.status(absent);
  await cluster.kill(absent);
  const revisions: number[] = [];
  for (let i = 0; i < SMALL_WRITES; i++) {
    revisions.push((await quorate.put("/counter", String(i))).revision);
  }
  const large = new Uint8Array(VALUE_BYTES).fill(7);
  for (let i = 0; i < LARGE_VALUES; i++) await quorate.put(`/large/${i}`, large);
  await quorate.put("/deleted", "soon");
  await quorate.delete("/deleted");
  const lastIndex = last?.appliedIndex ?? 0;
  expect(lastIndex).toBeGreaterThan(0);
  await eventually(async () => {
    const status = await cluster.status(leader);
    return status !== undefined && status.logFirstIndex > lastIndex + 1;
  }, "the leader to cut its log past what the absent node has");
  expect(cluster.log(absent)).not.toContain("installed a snapshot");

  cluster.launch(absent);
  await cluster.waitForAgreement();
  // What it logs reaches the file a moment later than what it answers.
  await eventually(() => cluster.log(absent).includes("installed a snapshot"), "a snapshot to be installed");
  const restored = await cluster.status(absent);
  expect(restored?.logFirstIndex).toBeGreaterThan(lastIndex + 1);

  const verify = async (): Promise<void> => {
    await using local = await cluster.connectTo(absent, { requestTimeoutMs: 15_000 });
    const here = { consistency: "serializable" } as const;
    expect((await local.get("/counter", here))?.text()).toBe(String(SMALL_WRITES - 1));
    expect((await local.get("/kept", here))?.lease).toBe(lease.id);
    expect(await local.get("/deleted", here)).toBeUndefined();
    for (let i = 0; i < LARGE_VALUES; i++) {
      const value = (await local.get(`/large/${i}`, here))?.value ?? new Uint8Array(0);
      expect(Buffer.compare(value, large)).toBe(0);
    }
    const delivered: number[] = [];
    await using watch = local.watch("/counter", { fromRevision: firstRevision + 1 });
    for await (const event of watch) {
      delivered.push(event.revision);
      if (delivered.length === revisions.length) break;
    }
    expect(delivered).toEqual(revisions);
  };
  await verify();

  await cluster.kill(absent);
  cluster.launch(absent);
  await cluster.waitForAgreement();
  await verify();

  await Promise.all(Array.from({ length: cluster.size }, (_, i) => cluster.kill(i)));
  for (let i = 0; i < cluster.size; i++) cluster.launch(i);
  await cluster.waitForLeader();
  await quorate.put("/counter", String(SMALL_WRITES - 1));
  revisions.push((await quorate.get("/counter"))?.modRevision ?? 0);
  await cluster.waitForAgreement();
  await verify();
  console.info(
    `snapshot: ${LARGE_VALUES * VALUE_BYTES} bytes and ${revisions.length} revisions; log of the restored node from ${restored?.logFirstIndex}`,
  );
}, 120_000);
