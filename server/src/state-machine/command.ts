import type { Limits } from "./agreed-limits.js";
import type { Key } from "./key.js";
import type { Quota } from "./quota.js";

/** A mutation as the log carries it: what the state machine applies. */
export interface Command {
  /** The session it belongs to, 0 for none. */
  readonly sessionId: number;
  /** Its number in the session, from 1; 0 outside a session. */
  readonly sequence: number;
  /** The session no longer waits for results below this sequence. */
  readonly lowestPending: number;
  /** Ownership to check before anything is applied. */
  readonly fence: Fence | undefined;
  readonly body: CommandBody;
}

/** An ownership: the lock or election at `key`, held under `token` (the create revision of its holder's entry). */
export interface Fence {
  readonly key: Key;
  readonly token: number;
}

export type CommandBody =
  | Put
  | DeleteRange
  | Txn
  | Grant
  | Revoke
  | Expire
  | Checkpoint
  | Compact
  | SetMember
  | SetQuota
  | SetLimits
  | SetHistoryId;

/**
 * Which keys: `end` undefined is the one key; "" is everything from `key` on; otherwise key <= k < end. An end at or
 * before `key` selects nothing.
 */
export interface KeyRange {
  readonly key: Key;
  readonly end: Key | undefined;
}

export interface Put {
  readonly kind: "put";
  readonly key: Key;
  readonly value: Uint8Array;
  /** 0 for none: a put without a lease detaches the key from any. */
  readonly lease: number;
  /** Write `key`/NNNNNNNNNNNNNNNN instead, the number being this change's revision. */
  readonly sequential: boolean;
  readonly returnPrevious: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface DeleteRange extends KeyRange {
  readonly kind: "delete";
  /** Also delete the subtree `key`/...; only with `end` undefined. */
  readonly subtree: boolean;
  readonly returnPrevious: boolean;
}

/** A read, inside a transaction or on its own. */
export interface Range extends KeyRange {
  readonly kind: "range";
  /** At most so many entries, 0 for no limit. */
  readonly limit: number;
  /** As of this revision, 0 for the current one. */
  readonly revision: number;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /**
   * Do not count what lies past the limit: `count` is that of the entries returned then. Of the past, counting walks the
   * whole range. Never in the log.
   */
  readonly uncounted?: true;
  /**
   * Fold the range into the direct children of a directory: this is then "<directory>/", `end` is "<directory>0" (for
   * the root "/" and "0"), and `key` is "<directory>/", or where a page continues, the last child's key and a zero
   * byte.
   */
  readonly childrenOf: Key | undefined;
}

export interface Txn {
  readonly kind: "txn";
  readonly compares: readonly Compare[];
  readonly then: readonly TxnOperation[];
  readonly otherwise: readonly TxnOperation[];
}

export type TxnOperation = Range | Put | DeleteRange | Txn;

export type Relation = "equal" | "notEqual" | "less" | "greater";

/**
 * Holds when it holds for every key that exists of those it covers, or where none does, for a missing key: that has 0
 * for every number and fails any value compare.
 */
export interface Compare extends KeyRange {
  /** Also the subtree `key`/...; only with `end` undefined. */
  readonly subtree: boolean;
  readonly relation: Relation;
  readonly target:
    | { readonly kind: "version" | "createRevision" | "modRevision" | "lease"; readonly number: number }
    | { readonly kind: "value"; readonly value: Uint8Array };
}

export interface Grant {
  readonly kind: "grant";
  readonly ttlMs: number;
  /** The id wished for, 0 to let the state machine choose. */
  readonly lease: number;
  readonly session: boolean;
}

export interface Revoke {
  readonly kind: "revoke";
  readonly lease: number;
}

/** The leader of `term` saw these leases run out. Void when the entry that carries it is of another term. */
export interface Expire {
  readonly kind: "expire";
  readonly term: number;
  readonly leases: readonly number[];
  /** What the leader had applied when it saw them: a lease granted later, under the same id, is another one. */
  readonly asOfIndex: number;
}

/**
 * What leases have left, as the leader of `term` saw it: the next leader gives them that instead of their full TTL. Void
 * when the entry that carries it is of another term.
 */
export interface Checkpoint {
  readonly kind: "checkpoint";
  readonly term: number;
  /** Milliseconds; 0 takes back what was said before: the full TTL. */
  readonly leases: readonly { readonly id: number; readonly remainingMs: number }[];
  /** As in Expire. */
  readonly asOfIndex: number;
}

/** Revisions below `revision` become unreadable. */
export interface Compact {
  readonly kind: "compact";
  readonly revision: number;
}

/** How to reach a member, and which data directory is the member. */
export interface SetMember {
  readonly kind: "member";
  readonly memberId: number;
  readonly name: string;
  readonly peerAddress: string;
  readonly clientEndpoint: string;
  /** The newest command format it understands. */
  readonly format: number;
  /** Random number of its data directory, the same for as long as the member exists. */
  readonly incarnation: string;
}

/** Sets the quota of a subtree; both maxima 0 remove it. */
export interface SetQuota extends Quota {
  readonly kind: "quota";
}

/** Sets the limits that every node applies, in place of those before. */
export interface SetLimits extends Limits {
  readonly kind: "limits";
}

/** Gives the history an id, 16 hexadecimal digits, unless it has one. */
export interface SetHistoryId {
  readonly kind: "historyId";
  readonly id: string;
}
