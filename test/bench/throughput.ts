import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EtcdSystem } from "./etcd-system.js";
import { QuorateSystem } from "./quorate-system.js";
import { median, medianRun, type Run } from "./statistics.js";
import type { Operation, System } from "./system.js";
import { table } from "./table.js";

const USAGE = `npm run bench -- [throughput] [options]
  --peers etcd            measure etcd side by side (Debian: etcd-server etcd-client nghttp2-client)
  --rounds 3              runs of each kind; the median counts
  --seconds 4             length of a run, after a second of warm-up
  --in-flight 1,100,1000  operations in flight
  --operations put,get
  --output FILE           also write every run as JSON`;

interface Row {
  readonly operation: Operation;
  readonly inFlight: number;
  readonly runs: Run[][];
}

function parse(args: string[]): {
  peers: string[];
  rounds: number;
  seconds: number;
  inFlight: number[];
  operations: Operation[];
  output: string | undefined;
} {
  const { values } = parseArgs({
    args,
    options: {
      peers: { type: "string", default: "" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "4" },
      "in-flight": { type: "string", default: "1,100,1000" },
      operations: { type: "string", default: "put,get" },
      output: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const list = (text: string): string[] => text.split(",").filter((part) => part !== "");
  const operations = list(values.operations).filter(
    (name): name is Operation => name === "put" || name === "get",
  );
  return {
    peers: list(values.peers),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    inFlight: list(values["in-flight"]).map(Number),
    operations,
    output: values.output,
  };
}

async function startSystems(peers: readonly string[]): Promise<System[]> {
  const systems: System[] = [await QuorateSystem.start()];
  for (const peer of peers) {
    if (peer !== "etcd") throw new Error(`unknown peer "${peer}"; known: etcd`);
    systems.push(await EtcdSystem.start());
  }
  return systems;
}

function cells(run: Run): string[] {
  return [Math.round(run.perSecond).toLocaleString("en"), run.p50Ms.toFixed(2), run.p99Ms.toFixed(2)];
}

function report(systems: readonly System[], rows: readonly Row[]): string {
  const head = ["operation", "in flight"];
  for (const { description } of systems) {
    const name = description.split(":")[0] ?? "";
    head.push(`${name} /s`, "p50 ms", "p99 ms");
  }
  if (systems.length > 1) head.push("ratio (each round)");
  const lines = [head];
  for (const { operation, inFlight, runs } of rows) {
    const line = [operation, String(inFlight), ...runs.flatMap((own) => cells(medianRun(own)))];
    const [own, peer] = runs;
    if (own !== undefined && peer !== undefined) {
      const ratios = own.map((run, round) => run.perSecond / (peer[round]?.perSecond ?? Number.NaN));
      line.push(`${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(" ")})`);
    }
    lines.push(line);
  }
  return table(lines);
}

/** Puts and gets, at several numbers in flight, beside another system if wished. */
export async function benchThroughput(args: string[]): Promise<void> {
  const { peers, rounds, seconds, inFlight, operations, output } = parse(args);
  const systems = await startSystems(peers);
  const rows: Row[] = [];
  try {
    for (const operation of operations) {
      for (const count of inFlight) {
        const runs = systems.map((): Run[] => []);
        for (let round = 0; round < rounds; round++) {
          // Side by side: what slows the machine down slows both.
          for (const [i, system] of systems.entries()) {
            runs[i]?.push(await system.measure(operation, count, seconds));
          }
        }
        rows.push({ operation, inFlight: count, runs });
        process.stderr.write(`${operation} ${count} done\n`);
      }
    }
  } finally {
    for (const system of systems) await system[Symbol.asyncDispose]();
  }
  for (const { description } of systems) process.stdout.write(`${description}\n`);
  process.stdout.write(
    `256 B values, fsync on, everything on this machine; medians of ${rounds} interleaved runs of ${seconds} s\n`,
  );
  process.stdout.write(`${report(systems, rows)}\n`);
  if (output !== undefined) {
    const descriptions = systems.map(({ description }) => description);
    writeFileSync(output, `${JSON.stringify({ descriptions, rounds, seconds, rows }, undefined, 2)}\n`);
  }
}
