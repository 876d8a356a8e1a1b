import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Overrides } from "./options.js";
import type { SeedResult } from "./result.js";

/** Processors given to the simulation unless told otherwise. */
export const defaultWorkers = availableParallelism();

/** How often a worker is replaced, in runs: what a run leaves behind in memory goes with it. */
const RUNS_PER_WORKER = 500;

/** A run makes many objects that live for a message: with room for them the collector has a tenth less to do. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

/** Runs seeds of one bundle on several threads. */
export class Pool {
  readonly #bundle: string;
  readonly #size: number;

  constructor(bundle: string, size = defaultWorkers) {
    this.#bundle = bundle;
    this.#size = size;
  }

  /**
   * Runs `seeds` in order, and tells each result as it comes, in no order; `told` returns false to begin no more.
   * Resolves when every begun run has ended.
   */
  async run(
    seeds: Iterable<number>,
    overrides: Overrides,
    told: (result: SeedResult) => boolean,
  ): Promise<void> {
    const iterator = seeds[Symbol.iterator]();
    let going = true;
    const next = (): number | undefined => {
      const { value, done } = iterator.next();
      return going && done !== true ? value : undefined;
    };
    const one = async (): Promise<void> => {
      let worker: Worker | undefined;
      let runs = 0;
      try {
        for (let seed = next(); seed !== undefined; seed = next()) {
          if (worker === undefined || runs >= RUNS_PER_WORKER) {
            await worker?.terminate();
            worker = new Worker(this.#bundle, { resourceLimits });
            runs = 0;
          }
          runs++;
          if (!told(await runOn(worker, seed, overrides))) going = false;
        }
      } finally {
        await worker?.terminate();
      }
    };
    await Promise.all(Array.from({ length: this.#size }, one));
  }

  /** Runs one seed. */
  async runOne(seed: number, overrides: Overrides): Promise<SeedResult> {
    const worker = new Worker(this.#bundle, { resourceLimits });
    try {
      return await runOn(worker, seed, overrides);
    } finally {
      await worker.terminate();
    }
  }
}

function runOn(worker: Worker, seed: number, overrides: Overrides): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      worker.off("message", answered);
      reject(
        new Error(`seed ${seed}: the simulation itself failed: ${error.stack ?? error.message}`, {
          cause: error,
        }),
      );
    };
    const answered = (result: SeedResult): void => {
      worker.off("error", failed);
      resolve(result);
    };
    worker.once("message", answered);
    worker.once("error", failed);
    worker.postMessage({ seed, overrides });
  });
}

/** The numbers from `first` on, `count` of them. */
export function* seedsFrom(first: number, count: number): Iterable<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}
