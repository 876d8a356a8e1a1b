import type { Limits } from "./agreed-limits.js";
import type { SetMember } from "./command.js";
import type { Change } from "./entry.js";
import type { Quota } from "./quota.js";
import type { Result } from "./result.js";

/** The numbers of a state. */
export interface StateMeta {
  /** Index of the last log entry in it, and that entry's term. */
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  readonly compactedRevision: number;
  /** Number of the last change ever made. */
  readonly lastSeq: number;
  readonly nextLeaseId: number;
  /** Index of the log entry that brought the cluster's present configuration, 0 for none yet. */
  readonly configurationIndex: number;
  /** That configuration, encoded; empty for none yet. The state machine keeps it and does not read it. */
  readonly configuration: Uint8Array;
  /** StateMachine.hash. */
  readonly hash: string;
}

/** A lease, and what it remembers when it is a session. */
export interface LeaseImage {
  readonly id: number;
  readonly ttlMs: number;
  /** Index of the log entry that granted it. */
  readonly grantedIndex: number;
  /** What the next leader gives it, in milliseconds; 0 for its full TTL. */
  readonly remainingMs: number;
  readonly session: SessionImage | undefined;
}

export interface SessionImage {
  readonly lowestPending: number;
  /** By sequence. */
  readonly results: readonly (readonly [number, Result])[];
}

/** A whole state, as a disk or a snapshot holds it. */
export interface StateImage {
  readonly meta: StateMeta;
  /** Every retained change, in seq order. Walked once. */
  readonly changes: Iterable<Change>;
  readonly leases: Iterable<LeaseImage>;
  readonly members: Iterable<SetMember>;
  readonly quotas: Iterable<Quota>;
  /** Undefined when the log never set any. */
  readonly limits: Limits | undefined;
  /** Id of the history; undefined when the log never gave it one. */
  readonly historyId: string | undefined;
}

/** How a state differs from the one before it. To be applied in this order, atomically. */
export interface StateDelta {
  /** New changes, in seq order. */
  readonly changes: readonly Change[];
  /** Seqs of changes that are no longer needed; some may be among the new ones. */
  readonly forgotten: readonly number[];
  /** Ids of leases that ended. One may have begun anew, and is then among `leases`. */
  readonly leasesRemoved: readonly number[];
  /** Leases that are new or changed. */
  readonly leases: readonly LeaseImage[];
  /** All members, when any changed. */
  readonly members: readonly SetMember[] | undefined;
  /** All quotas, when any was set or removed. */
  readonly quotas: readonly Quota[] | undefined;
  /** The limits, when they were set. */
  readonly limits: Limits | undefined;
  /** Id of the history, when it was given one. */
  readonly historyId: string | undefined;
  readonly meta: StateMeta;
}
