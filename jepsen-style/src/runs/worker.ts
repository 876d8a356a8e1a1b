import { connect, type Quorate, QuorateError } from "@quorate/sdk";
import type { HistoryWriter } from "../history/writer.js";
import type { Random } from "../random/seeded-random.js";
import type { Completion, Generator, Invoke, Workload } from "../workloads/workload.js";
import { OPERATION_TIMEOUT_MS, RETRY_PAUSE_MS } from "./bounds.js";
import { pauseFor } from "./pause.js";
import type { Tally } from "./tally.js";

/** What a worker is given. */
export interface WorkerOptions {
  /** Its number, from 0. */
  readonly worker: number;
  /** How many workers there are. */
  readonly concurrency: number;
  /** Operations per second of this worker. */
  readonly rate: number;
  /** Where it connects to. One endpoint pins it to that node, whether it leads or not. */
  readonly endpoints: readonly string[];
  readonly workload: Workload;
  readonly keys: readonly string[];
  readonly random: Random;
  readonly history: HistoryWriter;
  readonly tally: Tally;
}

/** Calls one operation and writes down both ends of it. */
export async function recordOperation(
  process: number | string,
  invoke: Invoke,
  history: HistoryWriter,
  call: () => Promise<Completion>,
): Promise<Completion> {
  history.append({ process, type: "invoke", ...invoke });
  const completion = await call();
  const { f, key } = invoke;
  switch (completion.type) {
    case "ok": {
      const result = completion.result === undefined ? {} : { result: completion.result };
      history.append({ process, type: "ok", f, key, value: completion.value, ...result });
      break;
    }
    case "fail":
    case "info":
      history.append({ process, type: completion.type, f, key, error: completion.error });
      break;
  }
  return completion;
}

/** A client that does one operation after the other, at a rate, whatever happens, until the signal. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #generator: Generator;
  #process: number;
  #quorate: Quorate | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#generator = options.workload.generator(options.worker, options.keys, options.random);
    this.#process = options.worker;
  }

  /** Runs until the signal; an operation under way is still waited for. */
  async run(signal: AbortSignal): Promise<void> {
    const { rate, random } = this.#options;
    let dueAt = performance.now();
    while (!signal.aborted) {
      // Intervals vary, so that workers meet in ever new ways; what a fault delayed is not made up for.
      dueAt = Math.max(dueAt, performance.now() - 1_000 / rate) + random.next() * 2 * (1_000 / rate);
      await pauseFor(Math.max(0, dueAt - performance.now()), signal);
      if (signal.aborted) break;
      const quorate = await this.#connected(signal);
      if (quorate !== undefined) await this.#operate(quorate);
    }
  }

  /** Ends the client's session. */
  async close(): Promise<void> {
    await this.#quorate?.close();
  }

  async #operate(quorate: Quorate): Promise<void> {
    const { workload, history, tally, concurrency } = this.#options;
    const invoke = this.#generator.next();
    const completion = await recordOperation(this.#process, invoke, history, () =>
      workload.client(quorate, invoke, OPERATION_TIMEOUT_MS),
    );
    tally.add(invoke.f, completion.type);
    this.#generator.completed(invoke, completion);
    // The operation may still take effect, so its process never calls again: the worker goes on under a new name.
    if (completion.type === "info") this.#process += concurrency;
  }

  async #connected(signal: AbortSignal): Promise<Quorate | undefined> {
    const { endpoints } = this.#options;
    if (this.#quorate?.state === "expired" || this.#quorate?.state === "closed") {
      await this.#quorate.close();
      this.#quorate = undefined;
    }
    if (this.#quorate !== undefined) return this.#quorate;
    try {
      const followLeader = endpoints.length > 1;
      this.#quorate = await connect([...endpoints], {
        connectTimeoutMs: OPERATION_TIMEOUT_MS,
        followLeader,
        signal,
      });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      await pauseFor(RETRY_PAUSE_MS, signal);
    }
    return this.#quorate;
  }
}
