import type { Entry } from "./entry.js";
import type { Key } from "./key.js";

/** What a command or a read returned. */
export type Result =
  | ErrorResult
  | PutResult
  | DeleteResult
  | TxnResult
  | RangeResult
  | GrantResult
  | DoneResult;

/** Why the state machine refused. Nothing was changed. */
export type RefusalCode =
  | "INVALID_ARGUMENT"
  | "LEASE_NOT_FOUND"
  | "LEASE_EXISTS"
  | "SESSION_EXPIRED"
  | "SEQUENCE_FORGOTTEN"
  | "FENCED"
  | "COMPACTED"
  | "FUTURE_REVISION"
  | "MEMBERSHIP_REFUSED"
  | "QUOTA_EXCEEDED"
  | "SPACE_EXCEEDED"
  | "SESSION_FULL"
  | "LEASES_EXCEEDED"
  | "KEY_NOT_FOUND";

export interface ErrorResult {
  readonly kind: "error";
  readonly code: RefusalCode;
  readonly message: string;
  /** COMPACTED: the lowest readable revision. FUTURE_REVISION: the current one. Otherwise 0. */
  readonly revision: number;
}

export interface PutResult {
  readonly kind: "put";
  readonly revision: number;
  /** The key written. */
  readonly key: Key;
  readonly previous: Entry | undefined;
}

export interface DeleteResult {
  readonly kind: "delete";
  readonly revision: number;
  readonly deleted: number;
  /** The entries deleted, when asked for. */
  readonly previous: readonly Entry[];
}

export interface TxnResult {
  readonly kind: "txn";
  readonly succeeded: boolean;
  readonly revision: number;
  readonly results: readonly Result[];
}

export interface RangeResult {
  readonly kind: "range";
  /** The store's revision at which the read was made. */
  readonly revision: number;
  readonly entries: readonly RangeEntry[];
  /** Whether the limit cut the answer. */
  readonly more: boolean;
  /** How many entries there are in the range whatever the limit. Children ranges: how many were returned. */
  readonly count: number;
}

/** An entry in a range, or a child of a directory. */
export interface RangeEntry {
  readonly key: Key;
  /** Absent for a pure directory. */
  readonly entry: Entry | undefined;
  /** Direct children of a child; 0 in a flat range. */
  readonly childCount: number;
}

export interface GrantResult {
  readonly kind: "grant";
  readonly lease: number;
  readonly ttlMs: number;
}

/** Of revoke, expire, compact, member, quota and limits. */
export interface DoneResult {
  readonly kind: "done";
  readonly revision: number;
}
