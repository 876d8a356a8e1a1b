import type { HardState, LogEntry, LogPosition } from "./entry.js";

/** The durable log as Raft reads it. Declared here, implemented by the storage; writes go through Ready. */
export interface LogStorage {
  /** The hard state as last persisted; term 0, vote 0 on a new node. */
  hardState(): HardState;
  /** The entry right before the first one kept: where the log was cut or a snapshot was installed; 0/0 at first. */
  start(): LogPosition;
  /** Index of the last entry; start().index when there is none. */
  lastIndex(): number;
  /** Term of an entry between start().index and lastIndex(), both included. */
  term(index: number): number;
  /** Entries from `low` to `high`, both included and present: at least one, then as many as fit in `bytesMax`. */
  entries(low: number, high: number, bytesMax: number): LogEntry[];
  /** Every entry of kind "configuration", in order. Read once, when Raft starts. */
  configurations(): LogEntry[];
}
