import { parseArgs } from "node:util";
import { eventually, type LocalCluster, sleep } from "../cluster/local-cluster.js";
import { residentBytes } from "./node-memory.js";
import { QuorateSystem } from "./quorate-system.js";
import { median, type Run } from "./statistics.js";
import { table } from "./table.js";

const USAGE = `npm run bench -- keys [options]
  --keys 1000000      small keys, of 64 B values
  --in-flight 10      puts in flight, which are measured
  --seconds 5         length of a measurement
  --rounds 3          restarts and snapshots; medians count`;

const FILL_IN_FLIGHT = 2_000;
const VALUE_BYTES = 64;
/** Entries kept in the log: few, so that a node that was away needs a snapshot. */
const LOG_ENTRIES_KEPT = 200;

/** A million small keys: memory, restart, snapshot, and what a snapshot does to puts. */
export async function benchKeys(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      keys: { type: "string", default: "1000000" },
      "in-flight": { type: "string", default: "10" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const [keys, inFlight, seconds] = [values.keys, values["in-flight"], values.seconds].map(Number);
  const rounds = Number(values.rounds);
  await using system = await QuorateSystem.start([
    ...["--log-level", "info", "--log-entries-kept", String(LOG_ENTRIES_KEPT)],
  ]);
  const { cluster } = system;
  const before = await residentBytes(cluster, 0);
  const fillSeconds = await fill(cluster, keys ?? 0);
  process.stderr.write(`filled at ${Math.round((keys ?? 0) / fillSeconds)} keys/s\n`);
  const after = await residentBytes(cluster, 0);

  const rows = [["puts", "/s", "p50 ms", "p99 ms", "p99.9 ms"]];
  const measured = async (what: string): Promise<Run> => {
    const run = await system.measure("put", inFlight ?? 0, seconds ?? 0);
    rows.push([what, ...[run.perSecond, run.p50Ms, run.p99Ms, run.p999Ms].map((n) => n.toFixed(2))]);
    return run;
  };
  const restarts: number[] = [];
  const snapshots: number[] = [];
  const ratios: number[] = [];
  // With so many keys and no more: what is measured after this adds some.
  for (let round = 0; round < rounds; round++) {
    const follower = ((await cluster.waitForLeader()) + 1) % cluster.size;
    await cluster.kill(follower);
    restarts.push(await launched(cluster, follower));
    await cluster.waitForAgreement(60_000);
  }
  for (let round = 0; round < rounds; round++) {
    const follower = ((await cluster.waitForLeader()) + 1) % cluster.size;
    const normal = await measured("normal");
    await cluster.kill(follower);
    // So much that the log no longer reaches back.
    await system.measure("put", 100, 3);
    const catchingUp = launched(cluster, follower);
    const [during, snapshotMs] = await Promise.all([measured("while a node gets a snapshot"), catchingUp]);
    if (!cluster.log(follower).includes("snapshot")) throw new Error("no snapshot was sent");
    snapshots.push(snapshotMs);
    ratios.push(during.p99Ms / normal.p99Ms);
    await cluster.waitForAgreement(60_000);
  }
  process.stdout.write(`${table(rows)}\n`);
  const seconds3 = (list: number[]) =>
    `${(median(list) / 1_000).toFixed(2)} s (${list.map(Math.round).join(" ")})`;
  process.stdout.write(`p99 while a snapshot is sent: ${median(ratios).toFixed(2)} times the normal one\n`);
  process.stdout.write(`${keys} keys: ${Math.round((after - before) / (keys ?? 1))} bytes each\n`);
  process.stdout.write(`restart until ready, killed before: ${seconds3(restarts)}\n`);
  process.stdout.write(`start with a snapshot to come, until ready: ${seconds3(snapshots)}\n`);
}

async function fill(cluster: LocalCluster, keys: number): Promise<number> {
  await using client = await cluster.connect();
  const value = new Uint8Array(VALUE_BYTES).fill(0x76);
  let next = 0;
  const startedMs = performance.now();
  const worker = async (): Promise<void> => {
    while (next < keys) {
      const key = next++;
      await client.put(`/bench/keys/${key % 1_000}/${key}`, value);
    }
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, worker));
  return (performance.now() - startedMs) / 1_000;
}

/** Milliseconds from starting a node until it is ready: has a leader, and has applied what it knows to be committed. */
async function launched(cluster: LocalCluster, index: number): Promise<number> {
  const startedMs = performance.now();
  const revision = (await cluster.status(await cluster.waitForLeader()))?.revision ?? 0;
  cluster.launch(index);
  const { httpPort } = cluster.node(index);
  await eventually(
    async () => {
      await sleep(10);
      const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      return ready && ((await cluster.status(index))?.revision ?? 0) >= revision;
    },
    "the node to be ready",
    120_000,
  );
  return performance.now() - startedMs;
}
