import { parseArgs } from "node:util";
import { eventually, sleep } from "../cluster/local-cluster.js";
import { DirectClient } from "./direct-client.js";
import { residentBytes } from "./node-memory.js";
import { QuorateSystem } from "./quorate-system.js";
import type { Run } from "./statistics.js";
import { table } from "./table.js";

const USAGE = `npm run bench -- leases [options]
  --leases 100000     leases granted and kept alive
  --expiring 10000    leases that end at once, with a key each
  --in-flight 10      puts in flight, which are measured
  --seconds 6         length of a measurement`;

const TTL_MS = 60_000;
const EXPIRING_TTL_MS = 15_000;
const GRANTS_IN_FLIGHT = 200;
/** A third of the TTL passes between two keepalives; this many leases go in one call. */
const KEPT_PER_CALL = 10_000;

/** Many leases kept alive, and many that end at once, while puts go on. */
export async function benchLeases(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      leases: { type: "string", default: "100000" },
      expiring: { type: "string", default: "10000" },
      "in-flight": { type: "string", default: "10" },
      seconds: { type: "string", default: "6" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const [inFlight, seconds] = [Number(values["in-flight"]), Number(values.seconds)];
  await using system = await QuorateSystem.start();
  const { cluster } = system;
  const leader = await cluster.waitForLeader();
  using direct = new DirectClient(cluster.endpoints[leader] ?? "");
  await using client = await cluster.connect();
  const rows = [["puts", "/s", "p50 ms", "p99 ms", "p99.9 ms"]];
  const measured = async (what: string): Promise<Run> => {
    const run = await system.measure("put", inFlight, seconds);
    rows.push([what, ...[run.perSecond, run.p50Ms, run.p99Ms, run.p999Ms].map((n) => n.toFixed(2))]);
    return run;
  };

  await measured("to begin with");
  const before = await residentBytes(cluster, leader);
  const startedMs = performance.now();
  const kept = await grant(direct, Number(values.leases), TTL_MS);
  const grantSeconds = (performance.now() - startedMs) / 1_000;
  const keeping = setInterval(() => void keepAlive(direct, kept).catch(() => undefined), TTL_MS / 3);
  await keepAlive(direct, kept);
  const after = await residentBytes(cluster, leader);
  await measured(`with ${kept.length} leases`);
  const keepaliveMs = performance.now();
  await Promise.all([measured("while all are kept alive"), keepRepeatedly(direct, kept, seconds)]);
  process.stderr.write(`kept alive for ${((performance.now() - keepaliveMs) / 1_000).toFixed(1)} s\n`);

  const expiring = await grant(direct, Number(values.expiring), EXPIRING_TTL_MS);
  const renewing = setInterval(
    () => void keepAlive(direct, expiring).catch(() => undefined),
    EXPIRING_TTL_MS / 3,
  );
  await inTurns(expiring.length, async (i) => {
    const lease = Number(expiring[i] ?? 0n);
    await client.put(`/bench/lease/${i}`, "x", { lease });
  });
  clearInterval(renewing);
  await keepAlive(direct, expiring);
  const endsMs = performance.now() + EXPIRING_TTL_MS;
  // They end in the middle of the measurement.
  await sleep(EXPIRING_TTL_MS - 1_000 - (seconds * 1_000) / 2);
  let gone = 0;
  const watching = eventually(async () => {
    if ((await client.list("/bench/lease", { limit: 1 })).nodes.length > 0) return false;
    gone = performance.now() - endsMs;
    return true;
  }, "the end of the leases");
  await Promise.all([measured(`while ${expiring.length} end`), watching]);
  clearInterval(keeping);
  if ((await direct.keepAlive(kept.slice(0, KEPT_PER_CALL))) === 0) throw new Error("leases were lost");

  process.stdout.write(`${table(rows)}\n`);
  process.stdout.write(
    `${kept.length} leases granted at ${Math.round(kept.length / grantSeconds)} a second, `,
  );
  process.stdout.write(`${Math.round((after - before) / kept.length)} bytes each at the leader; `);
  process.stdout.write(
    `the last key of ${expiring.length} leases gone ${Math.round(gone)} ms after their time\n`,
  );
}

async function grant(client: DirectClient, count: number, ttlMs: number): Promise<bigint[]> {
  const ids: bigint[] = [];
  await inTurns(count, async () => {
    ids.push(await client.grant(ttlMs));
  });
  return ids;
}

async function inTurns(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: GRANTS_IN_FLIGHT }, worker));
}

async function keepAlive(client: DirectClient, ids: readonly bigint[]): Promise<void> {
  for (let from = 0; from < ids.length; from += KEPT_PER_CALL) {
    const some = ids.slice(from, from + KEPT_PER_CALL);
    if ((await client.keepAlive(some)) < some.length) throw new Error("leases ended that were kept alive");
  }
}

/** As often as three times a TTL of ten seconds would ask for. */
async function keepRepeatedly(client: DirectClient, ids: readonly bigint[], seconds: number): Promise<void> {
  const untilMs = performance.now() + seconds * 1_000;
  while (performance.now() < untilMs) {
    await keepAlive(client, ids);
    await sleep(3_300);
  }
}
