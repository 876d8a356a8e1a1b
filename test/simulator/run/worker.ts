import { parentPort } from "node:worker_threads";
import { HistoryRun } from "../history/history-run.js";
import { drawOptions, type Overrides } from "./options.js";
import type { SeedResult } from "./result.js";
import { Simulation } from "./simulation.js";

/** What a worker is asked to run. */
export interface RunRequest {
  readonly seed: number;
  readonly overrides: Overrides;
}

/** Runs one seed to its end. To be called from a turn of the event loop, never from a promise's continuation. */
export function runSeed({ seed, overrides }: RunRequest): SeedResult {
  const options = drawOptions(seed, overrides);
  return options.theme === "history" ? new HistoryRun(options).run() : new Simulation(options).run();
}

parentPort?.on("message", (request: RunRequest) => {
  parentPort?.postMessage(runSeed(request));
});
