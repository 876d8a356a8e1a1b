import type { Run } from "./statistics.js";

export type Operation = "put" | "get";

/** A system under load: started once, measured many times. */
export interface System extends AsyncDisposable {
  /** What it is, by which client it is driven, and how consistent the operations are. */
  readonly description: string;
  /** One run. Throws when operations were not acknowledged or cannot be read back. */
  measure(operation: Operation, inFlight: number, seconds: number): Promise<Run>;
}
