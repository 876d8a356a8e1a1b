import { parseArgs } from "node:util";
import { LocalCluster } from "../cluster/local-cluster.js";
import { DirectClient } from "./direct-client.js";
import { residentBytes } from "./node-memory.js";
import { percentile } from "./statistics.js";
import { table } from "./table.js";

const USAGE = `npm run bench -- fan-out [options]
  --watchers 1000,10000   watches of one key, on streams of 1,000 each
  --puts 100              changes of that key, one after the other`;

const KEY = "/bench/fan-out";
const WATCHES_PER_STREAM = 1_000;
const VALUE_BYTES = 256;

/** One key and many watchers of it: from a put's acknowledgement to each delivery. */
export async function benchFanOut(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      watchers: { type: "string", default: "1000,10000" },
      puts: { type: "string", default: "100" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const rows = [["watchers", "puts", "p50 ms", "p99 ms", "last p50 ms", "last p99 ms", "bytes/watch"]];
  for (const watchers of values.watchers.split(",").map(Number)) {
    rows.push(await measure(watchers, Number(values.puts)));
  }
  process.stdout.write("From acknowledgement to delivery, of all deliveries and of each put's last one\n");
  process.stdout.write(`${table(rows)}\n`);
}

async function measure(watchers: number, puts: number): Promise<string[]> {
  await using cluster = await LocalCluster.start({ flags: ["--log-level", "warn"] });
  const leader = await cluster.waitForLeader();
  await using client = await cluster.connect();
  const value = new Uint8Array(VALUE_BYTES);
  await client.put(KEY, value);
  const before = await residentBytes(cluster, leader);

  let delivered = 0;
  let arrivals: number[] = [];
  let complete = (): void => undefined;
  const streams: DirectClient[] = [];
  for (let rest = watchers; rest > 0; rest -= WATCHES_PER_STREAM) {
    const stream = new DirectClient(cluster.endpoints[leader] ?? "");
    streams.push(stream);
    await stream.watch(KEY, Math.min(rest, WATCHES_PER_STREAM), () => {
      arrivals.push(performance.now());
      if (++delivered === watchers) complete();
    });
  }
  const after = await residentBytes(cluster, leader);

  const latenciesMs: number[] = [];
  const lastMs: number[] = [];
  for (let i = 0; i < puts; i++) {
    delivered = 0;
    arrivals = [];
    const all = new Promise<void>((resolve) => {
      complete = resolve;
    });
    await client.put(KEY, value);
    const acknowledgedMs = performance.now();
    await all;
    // Some are delivered before the acknowledgement is.
    for (const at of arrivals) latenciesMs.push(Math.max(0, at - acknowledgedMs));
    lastMs.push(Math.max(0, (arrivals.at(-1) ?? acknowledgedMs) - acknowledgedMs));
  }
  for (const stream of streams) stream[Symbol.dispose]();
  const [all, last] = [latenciesMs, lastMs].map((list) => Float64Array.from(list).sort());
  const of = (sorted: Float64Array | undefined, fraction: number) =>
    percentile(sorted ?? [], fraction).toFixed(1);
  return [
    ...[String(watchers), String(puts), of(all, 0.5), of(all, 0.99), of(last, 0.5), of(last, 0.99)],
    String(Math.round((after - before) / watchers)),
  ];
}
