import type { SimulationOptions } from "./options.js";

/** What a run found wrong. */
export interface ViolationReport {
  readonly invariant: string;
  readonly message: string;
  /** The numbers behind the message, as JSON; empty when there are none. */
  readonly details: string;
  readonly stack: string;
  /** The last events, in words. */
  readonly trace: readonly string[];
}

/** What came of one run. */
export interface SeedResult {
  readonly seed: number;
  readonly options: SimulationOptions;
  /** Equal for two runs of the same options. */
  readonly traceHash: string;
  readonly violation: ViolationReport | undefined;
  readonly simulatedMs: number;
  readonly realMs: number;
  readonly events: number;
  readonly messages: number;
  readonly membershipChanges: number;
  readonly transfers: number;
  /** How often each kind of fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  /** What the observer counted: operations, elections, snapshots, expiries … */
  readonly counts: Readonly<Record<string, number>>;
}
