import type { Quorate } from "@quorate/sdk";
import type { CheckReport } from "../commands/history-check.js";
import type { Random } from "../random/seeded-random.js";

/** An operation to be invoked, as the history shows it. */
export interface Invoke {
  /** The function. */
  readonly f: string;
  /** The object. */
  readonly key: string;
  /** The argument. */
  readonly value: unknown;
}

/** How an operation ended, as the history shows it. */
export type Completion =
  | { readonly type: "ok"; readonly value: unknown; readonly result?: boolean }
  | { readonly type: "fail" | "info"; readonly error: unknown };

/** The operations of one worker, one after the other. */
export interface Generator {
  /** The next operation. */
  next(): Invoke;
  /** Told how it ended, to make the next ones more telling. */
  completed(invoke: Invoke, completion: Completion): void;
}

/** What clients do and how to judge it: one value per workload. */
export interface Workload {
  /** The name people choose it by. */
  readonly name: string;
  /** The functions it calls; a run in which one never succeeds proves nothing. */
  readonly functions: readonly string[];
  /** Does one operation, within the timeout in milliseconds. Never rejects. */
  readonly client: (quorate: Quorate, invoke: Invoke, timeoutMs: number) => Promise<Completion>;
  /** The operations of the worker. */
  readonly generator: (worker: number, keys: readonly string[], random: Random) => Generator;
  /** The operations to do at every node once all is well again. */
  readonly finalGenerator: (keys: readonly string[]) => readonly Invoke[];
  /** Judges the history's text. */
  readonly checker: (history: string, shouldStop: () => boolean) => CheckReport;
}
