import { setMaxListeners } from "node:events";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "../cluster/cluster.js";
import { HistoryWriter } from "../history/writer.js";
import type { NemesisName } from "../nemeses/nemesis.js";
import { type NemesisEvent, runNemeses } from "../nemeses/schedule.js";
import { seededRandom } from "../random/seeded-random.js";
import type { Workload } from "../workloads/workload.js";
import { CHECK_TIMEOUT_MS, PROGRESS_INTERVAL_MS, RECOVERY_TIMEOUT_MS, START_TIMEOUT_MS } from "./bounds.js";
import { awaitConvergence, type Convergence } from "./convergence.js";
import { finalReads } from "./final-reads.js";
import { type Judgement, judge } from "./judgement.js";
import { pauseFor } from "./pause.js";
import { type OutcomeCounts, Tally } from "./tally.js";
import { Worker } from "./worker.js";

/** What a run is asked to do. */
export interface RunOptions {
  readonly workload: Workload;
  readonly nemeses: readonly NemesisName[];
  /** 3 or 5. */
  readonly nodes: number;
  /** Seconds of load and faults. */
  readonly timeLimitS: number;
  /** Operations per second. */
  readonly rate: number;
  readonly concurrency: number;
  readonly keys: number;
  readonly seed: number;
  /** Directory of this run's files. */
  readonly directory: string;
  readonly unsafeTest?: string;
}

/** What a run found, as results.json has it. */
export interface RunResults extends Judgement {
  readonly workload: string;
  readonly nemeses: readonly NemesisName[];
  readonly nodes: number;
  readonly timeLimitS: number;
  readonly rate: number;
  readonly concurrency: number;
  readonly keys: number;
  readonly seed: number;
  readonly unsafeTest: string | null;
  readonly operations: Readonly<Record<string, OutcomeCounts>>;
  readonly faults: Readonly<Record<string, number>>;
  /** How long the healed cluster took until every node was ready; null when it did not. */
  readonly recoveryMs: number | null;
  readonly convergence: Convergence;
  readonly checkMs: number;
  readonly directory: string;
}

/** The endpoints of a worker: every other worker is pinned to one node, the rest may use all, each in its own order. */
function endpointsOf(worker: number, endpoints: readonly string[]): string[] {
  const start = (worker >>> 1) % endpoints.length;
  const rotated = [...endpoints.slice(start), ...endpoints.slice(0, start)];
  return worker % 2 === 0 ? rotated.slice(0, 1) : rotated;
}

/**
 * One experiment: start a cluster, load it and hurt it, heal it, read everything at every node, and judge the history.
 * Leaves history.jsonl, nemesis.jsonl, results.json, the logs and the data in the directory, and no process behind.
 * Throws the signal's reason when aborted.
 */
export async function run(
  options: RunOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<RunResults> {
  mkdirSync(options.directory, { recursive: true });
  const random = seededRandom(options.seed);
  const history = new HistoryWriter(join(options.directory, "history.jsonl"));
  const cluster = await Cluster.start({
    nodes: options.nodes,
    directory: options.directory,
    // Ports come from a source of their own: they depend on the machine, the schedule must not.
    random: seededRandom(Date.now()),
    ...(options.unsafeTest === undefined ? {} : { unsafeTest: options.unsafeTest }),
  });
  const tally = new Tally();
  const faults: Record<string, number> = Object.fromEntries(options.nemeses.map((name) => [name, 0]));
  const keys = Array.from({ length: options.keys }, (_, key) => `r${key}`);
  const problems: string[] = [];
  let recoveryMs: number | null = null;
  let convergence: Convergence = { kind: "unsettled", reason: "the cluster did not recover" };
  try {
    if (!(await cluster.waitUntilReady(START_TIMEOUT_MS, signal))) {
      throw new Error(
        `the cluster was not ready within ${START_TIMEOUT_MS} ms; see ${options.directory}/logs`,
      );
    }
    report(`${options.nodes} nodes ready, seed ${options.seed}`);
    await loadAndHurt(options, cluster, { random, history, tally, faults, keys, report, signal });
    signal.throwIfAborted();

    // The schedule healed its faults; whatever ended by itself is started again.
    for (const server of cluster.servers) server.start();
    const healedAt = performance.now();
    if (await cluster.waitUntilReady(RECOVERY_TIMEOUT_MS, signal)) {
      recoveryMs = Math.round(performance.now() - healedAt);
      report(`healed, ready again after ${recoveryMs} ms; final reads`);
      problems.push(...(await finalReads(cluster, options.workload, keys, history, tally, signal)));
      convergence = await awaitConvergence(cluster, signal);
    } else {
      problems.push(
        `the healed cluster was not ready within ${RECOVERY_TIMEOUT_MS} ms, or a server was gone`,
      );
    }
    problems.push(...cluster.crashes);
    signal.throwIfAborted();
  } finally {
    await cluster.close();
    await history.close();
  }

  report("checking the history");
  const stopAt = performance.now() + CHECK_TIMEOUT_MS;
  const check = options.workload.checker(history.text(), () => performance.now() > stopAt);
  const judgement = judge({
    check,
    convergence,
    problems,
    tally,
    functions: options.workload.functions,
    faults,
    nemeses: options.nemeses,
    asked: options.rate * options.timeLimitS,
  });
  const { workload, nemeses, nodes, timeLimitS, rate, concurrency, seed, directory, unsafeTest } = options;
  const results: RunResults = {
    ...judgement,
    ...{ workload: workload.name, nemeses, nodes, timeLimitS, rate, concurrency, keys: options.keys, seed },
    ...{ unsafeTest: unsafeTest ?? null, operations: tally.byFunction(), faults, recoveryMs, convergence },
    ...{ checkMs: check.durationMs, directory },
  };
  writeFileSync(join(directory, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
  return results;
}

interface Experiment {
  readonly random: ReturnType<typeof seededRandom>;
  readonly history: HistoryWriter;
  readonly tally: Tally;
  readonly faults: Record<string, number>;
  readonly keys: readonly string[];
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

async function loadAndHurt(
  { workload, nemeses, concurrency, rate, timeLimitS, directory }: RunOptions,
  cluster: Cluster,
  { random, history, tally, faults, keys, report, signal }: Experiment,
): Promise<void> {
  // A controller and a timer of its own: Node 20 may collect a timeout signal that only AbortSignal.any refers to.
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const timer = setTimeout(end, timeLimitS * 1_000);
  signal.addEventListener("abort", end, { once: true });
  const over = ending.signal;
  // Every worker and nemesis waits on it; the default limit is a guess at a leak.
  setMaxListeners(0, over);
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  const nemesisLog = join(directory, "nemesis.jsonl");
  writeFileSync(nemesisLog, "");
  const log = (event: NemesisEvent): void => {
    if (event.action === "strike") faults[event.nemesis] = (faults[event.nemesis] ?? 0) + 1;
    appendFileSync(nemesisLog, `${JSON.stringify({ elapsedMs: elapsedMs(), ...event })}\n`);
  };
  // Seeds are drawn up front: how fast workers go must not change what the nemesis does.
  const nemesisRandom = seededRandom(random.below(2 ** 32));
  const workers = Array.from({ length: concurrency }, (_, worker) => {
    const endpoints = endpointsOf(worker, cluster.endpoints);
    const own = seededRandom(random.below(2 ** 32));
    return new Worker({
      ...{
        worker,
        concurrency,
        rate: rate / concurrency,
        endpoints,
        workload,
        keys,
        random: own,
        history,
        tally,
      },
    });
  });
  const progress = async (): Promise<void> => {
    for (;;) {
      await pauseFor(PROGRESS_INTERVAL_MS, over);
      if (over.aborted) return;
      const counts = (["ok", "fail", "info"] as const)
        .map((type) => `${tally.total(type)} ${type}`)
        .join(", ");
      const struck = Object.entries(faults).map(([name, count]) => `${count} ${name}`);
      report(`${Math.round(elapsedMs() / 1_000)} s: ${counts}; faults: ${struck.join(", ") || "none"}`);
    }
  };
  try {
    await Promise.all([
      runNemeses(nemeses, cluster, nemesisRandom, log, over),
      progress(),
      ...workers.map((worker) => worker.run(over)),
    ]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
  await Promise.all(workers.map((worker) => worker.close()));
}
