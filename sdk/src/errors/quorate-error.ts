import type { Entry } from "../kv/entry.js";

/** The stable code of a {@link QuorateError}. */
export type QuorateErrorCode =
  | "INVALID_ARGUMENT"
  | "TOO_LARGE"
  | "LEASE_NOT_FOUND"
  | "LEASE_EXISTS"
  | "SESSION_EXPIRED"
  | "SEQUENCE_FORGOTTEN"
  | "FENCED"
  | "COMPACTED"
  | "FUTURE_REVISION"
  | "NO_QUORUM"
  | "OUTCOME_UNKNOWN"
  | "OVERLOADED"
  | "UNAVAILABLE"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED"
  | "INTERNAL"
  | "MEMBERSHIP_REFUSED"
  | "QUOTA_EXCEEDED"
  | "SPACE_EXCEEDED"
  | "SESSION_FULL"
  | "LEASES_EXCEEDED"
  | "KEY_NOT_FOUND"
  | "HISTORY_CHANGED"
  | "COMPARE_FAILED"
  | "CLOSED";

/** Whether a failed mutation can have been applied. */
export type Outcome = "did-not-happen" | "unknown";

/**
 * What every failing call of the SDK throws. Only {@link OutcomeUnknown} leaves open whether a mutation was applied;
 * every other error means that it was not.
 */
export class QuorateError extends Error {
  override readonly name: string = "QuorateError";
  /** The stable code, to branch on. */
  readonly code: QuorateErrorCode;
  /** `unknown` for OUTCOME_UNKNOWN only. */
  readonly outcome: Outcome;

  constructor(code: QuorateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.outcome = code === "OUTCOME_UNKNOWN" ? "unknown" : "did-not-happen";
  }
}

/** An argument is missing, malformed or out of its bounds. */
export class InvalidArgument extends QuorateError {
  override readonly name = "InvalidArgument";
  constructor(message: string, options?: ErrorOptions) {
    super("INVALID_ARGUMENT", message, options);
  }
}

/** A value, request or transaction is over its limit. */
export class TooLarge extends QuorateError {
  override readonly name = "TooLarge";
  constructor(message: string, options?: ErrorOptions) {
    super("TOO_LARGE", message, options);
  }
}

/** The lease does not exist: it expired, was revoked, or never was. */
export class LeaseNotFound extends QuorateError {
  override readonly name = "LeaseNotFound";
  constructor(message: string, options?: ErrorOptions) {
    super("LEASE_NOT_FOUND", message, options);
  }
}

/** A lease of that id exists already. */
export class LeaseExists extends QuorateError {
  override readonly name = "LeaseExists";
  constructor(message: string, options?: ErrorOptions) {
    super("LEASE_EXISTS", message, options);
  }
}

/** The session ended; its keys and locks are gone. Connect again for a new one. */
export class SessionExpired extends QuorateError {
  override readonly name = "SessionExpired";
  constructor(message: string, options?: ErrorOptions) {
    super("SESSION_EXPIRED", message, options);
  }
}

/** The result of the sequence was already acknowledged and forgotten. */
export class SequenceForgotten extends QuorateError {
  override readonly name = "SequenceForgotten";
  constructor(message: string, options?: ErrorOptions) {
    super("SEQUENCE_FORGOTTEN", message, options);
  }
}

/** The ownership named by the fence is not held under its token. */
export class Fenced extends QuorateError {
  override readonly name = "Fenced";
  constructor(message: string, options?: ErrorOptions) {
    super("FENCED", message, options);
  }
}

/** The asked revision was compacted away. */
export class Compacted extends QuorateError {
  override readonly name = "Compacted";
  /** The compacted revision, the oldest that can still be read or watched from; 0 when unknown. */
  readonly revision: number;
  constructor(message: string, revision: number, options?: ErrorOptions) {
    super("COMPACTED", message, options);
    this.revision = revision;
  }
}

/** The asked revision has not happened yet. */
export class FutureRevision extends QuorateError {
  override readonly name = "FutureRevision";
  /** The current revision of the node that answered, 0 when unknown. */
  readonly revision: number;
  constructor(message: string, revision: number, options?: ErrorOptions) {
    super("FUTURE_REVISION", message, options);
    this.revision = revision;
  }
}

/** No leader that a majority follows could be reached in time. */
export class NoQuorum extends QuorateError {
  override readonly name = "NoQuorum";
  constructor(message: string, options?: ErrorOptions) {
    super("NO_QUORUM", message, options);
  }
}

/** Names a mutation for ever: its session and its number there. Plain data, to be kept wherever it is of use. */
export interface MutationId {
  readonly sessionId: number;
  readonly sequence: number;
  /** The history of the session, where that is known: in another one the same numbers are another mutation. */
  readonly history?: string | undefined;
}

/** The mutation may or may not have been applied. It will not be sent again. */
export class OutcomeUnknown extends QuorateError {
  override readonly name = "OutcomeUnknown";
  /**
   * To ask `Quorate.outcome` about; undefined where nobody could tell, as for a client without a session, and for the
   * release of a lock or leadership, which goes on by itself: to ask about it would put an end to it.
   */
  readonly mutation: MutationId | undefined;
  constructor(message: string, options?: ErrorOptions & { readonly mutation?: MutationId }) {
    super("OUTCOME_UNKNOWN", message, options);
    this.mutation = options?.mutation;
  }
}

/** A bounded queue is full, here or at the server. */
export class Overloaded extends QuorateError {
  override readonly name = "Overloaded";
  constructor(message: string, options?: ErrorOptions) {
    super("OVERLOADED", message, options);
  }
}

/** No endpoint could be reached, or the node is starting or stopping. */
export class Unavailable extends QuorateError {
  override readonly name = "Unavailable";
  constructor(message: string, options?: ErrorOptions) {
    super("UNAVAILABLE", message, options);
  }
}

/** The deadline passed before an answer came. */
export class DeadlineExceeded extends QuorateError {
  override readonly name = "DeadlineExceeded";
  constructor(message: string, options?: ErrorOptions) {
    super("DEADLINE_EXCEEDED", message, options);
  }
}

/** The caller's signal was aborted; its reason is the `cause`. */
export class Cancelled extends QuorateError {
  override readonly name = "Cancelled";
  constructor(message: string, options?: ErrorOptions) {
    super("CANCELLED", message, options);
  }
}

/** A defect of the server, or an answer that the protocol does not allow. */
export class Internal extends QuorateError {
  override readonly name = "Internal";
  constructor(message: string, options?: ErrorOptions) {
    super("INTERNAL", message, options);
  }
}

/** The membership or the leader cannot be changed so, now. The message says why and what to do first. */
export class MembershipRefused extends QuorateError {
  override readonly name = "MembershipRefused";
  constructor(message: string, options?: ErrorOptions) {
    super("MEMBERSHIP_REFUSED", message, options);
  }
}

/** The put or transaction would exceed the quota of a subtree. The message names path and limit. */
export class QuotaExceeded extends QuorateError {
  override readonly name = "QuotaExceeded";
  constructor(message: string, options?: ErrorOptions) {
    super("QUOTA_EXCEEDED", message, options);
  }
}

/** The put or transaction would exceed the cluster's space. Deletes and compaction make room. */
export class SpaceExceeded extends QuorateError {
  override readonly name = "SpaceExceeded";
  constructor(message: string, options?: ErrorOptions) {
    super("SPACE_EXCEEDED", message, options);
  }
}

/** The session keeps as many results for retries as it may. The client acknowledges what it can, and tries again. */
export class SessionFull extends QuorateError {
  override readonly name = "SessionFull";
  constructor(message: string, options?: ErrorOptions) {
    super("SESSION_FULL", message, options);
  }
}

/** There are as many leases, sessions among them, as the cluster may hold. Those that end make room. */
export class LeasesExceeded extends QuorateError {
  override readonly name = "LeasesExceeded";
  constructor(message: string, options?: ErrorOptions) {
    super("LEASES_EXCEEDED", message, options);
  }
}

/** The key whose value or lease a put was to keep does not exist. */
export class KeyNotFound extends QuorateError {
  override readonly name = "KeyNotFound";
  constructor(message: string, options?: ErrorOptions) {
    super("KEY_NOT_FOUND", message, options);
  }
}

/**
 * What the call or watch goes on from is of another history than that of the nodes: the cluster lost its data or was made
 * from a backup, or another one answers at the endpoints. Nothing of the old history means anything there: connect anew and
 * read anew.
 */
export class HistoryChanged extends QuorateError {
  override readonly name = "HistoryChanged";
  constructor(message: string, options?: ErrorOptions) {
    super("HISTORY_CHANGED", message, options);
  }
}

/** The condition of a conditional put or delete did not hold. */
export class CompareFailed extends QuorateError {
  override readonly name = "CompareFailed";
  /** The entry as it stood when the condition was checked; undefined when the key did not exist. */
  readonly current: Entry | undefined;
  constructor(message: string, current: Entry | undefined, options?: ErrorOptions) {
    super("COMPARE_FAILED", message, options);
    this.current = current;
  }
}

/** The client was closed before or during the call. */
export class Closed extends QuorateError {
  override readonly name = "Closed";
  constructor(message: string, options?: ErrorOptions) {
    super("CLOSED", message, options);
  }
}
