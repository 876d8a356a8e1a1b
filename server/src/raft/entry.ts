/** One entry of the log. */
export interface LogEntry {
  readonly index: number;
  /** Term of the leader that created it. */
  readonly term: number;
  /** A leader begins its term with a no-op; a configuration's data is what encodeConfiguration() made. */
  readonly kind: "noop" | "commands" | "configuration";
  /** Encoded once by its proposer: the same bytes go to the log and to every peer. */
  readonly data: Uint8Array;
}

/** What must survive a crash besides the log: Figure 2 of the Raft paper, "persistent state". */
export interface HardState {
  readonly term: number;
  /** Whom this node voted for in `term`, 0 for nobody. */
  readonly vote: number;
}

/** A position in the log. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}
