import type { HardState, LogEntry, LogPosition } from "./entry.js";
import type { Outgoing } from "./message.js";

/**
 * The work Raft asks for. The driver must: send `messages`; make `persist` durable and say so by `persisted()`; only
 * then send `afterPersist`; apply `committed` and say so by `applied()`.
 *
 * A driver may take further Readys while the disk is still at work. Then, and this is what keeps every promise true:
 * each `persist` is written in the order in which it was taken, and the `afterPersist` of a Ready is sent only when its
 * own persist AND those of ALL Readys before it are durable, also when its own is undefined. `committed` is applied in
 * the order taken; it holds only what persisted() was already told of, so it waits for nothing.
 */
export interface Ready {
  /** May go out before anything is persisted: a leader's appends and heartbeats, reads. */
  readonly messages: readonly Outgoing[];
  readonly persist: Persist | undefined;
  /**
   * Promises about durable state, votes and acknowledgements: to be sent only after this Ready's `persist` and those of
   * all Readys before it are durable.
   */
  readonly afterPersist: readonly Outgoing[];
  /** Committed entries to apply, in order. */
  readonly committed: readonly LogEntry[];
  /** Reads that may be served once their index is applied. */
  readonly reads: readonly ReadState[];
  /**
   * Followers too far behind for the log: send them a snapshot, then call reportSnapshot(). It goes out as a leader's of
   * `term`, not of the term in which the driver gets to it, when another may lead.
   */
  readonly snapshotsTo: readonly number[];
  /** The node's term when this was taken. */
  readonly term: number;
}

export interface Persist {
  /** Present when term or vote changed. */
  readonly hardState: HardState | undefined;
  /** Entries to write; whatever the log holds from the first one's index on is replaced. */
  readonly entries: readonly LogEntry[];
  /** A received snapshot to put in place of log and state, before `entries`. */
  readonly snapshot: LogPosition | undefined;
}

/** The outcome of readIndex(). */
export interface ReadState {
  readonly context: number;
  /** Serve the read once this index is applied; undefined when leadership could not be confirmed. */
  readonly index: number | undefined;
}
