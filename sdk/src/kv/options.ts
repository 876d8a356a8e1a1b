import type { CallOptions } from "../client/options.js";

/** Something that owns a lock or a leadership, as a fence names it. A `Lock` and a `Leadership` are one. */
export interface Ownership {
  /** Path of the lock or election. */
  readonly key: string;
  /** Fencing token: strictly increasing with every new owner of the key. */
  readonly token: number;
}

/** The lease a key lives on: an id, a `Lease`, or the client's own session. */
export type LeaseChoice = number | { readonly id: number } | "session";

/** How fresh a read must be, and of which revision. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable` (default): reflects every write acknowledged before the read began. `serializable`: the asked
   * node's own state, which may lag; works without a quorum.
   */
  readonly consistency?: "linearizable" | "serializable" | undefined;
  /** Read as of this revision instead of the current one. */
  readonly revision?: number | undefined;
  /** With `serializable`: wait until the node has applied this revision. */
  readonly minRevision?: number | undefined;
  /** The history that `revision`, `minRevision` or `after` are of: throws HistoryChanged when the nodes are of another. */
  readonly history?: string | undefined;
}

/** Options of `list`. */
export interface ListOptions extends ReadOptions {
  /** Everything below the path instead of its direct children. Default false. */
  readonly recursive?: boolean | undefined;
  /** At most so many nodes; default the server's maximum. */
  readonly limit?: number | undefined;
  /** Only what sorts after this path: the last one of the page before. */
  readonly after?: string | undefined;
  /** Leave the values out. Default false. */
  readonly keysOnly?: boolean | undefined;
}

/** What a put inside or outside a transaction can ask for. */
export interface PutFields {
  /** Lease to attach the key to. Default none: a put without one detaches the key. */
  readonly lease?: LeaseChoice | undefined;
  /** Create `path`/NNNNNNNNNNNNNNNN, where the number is the revision of the change. Default false. */
  readonly sequential?: boolean | undefined;
  /** Return the entry as it was before. Default false. */
  readonly returnPrevious?: boolean | undefined;
}

/** Options of a mutation. */
export interface MutationOptions extends CallOptions {
  /** Apply only while this ownership is held; otherwise the mutation fails with FENCED. */
  readonly fence?: Ownership | undefined;
}

/** Options of `put`. */
export interface PutOptions extends PutFields, MutationOptions {
  /** Apply only if the key's mod revision is this one, 0 for "does not exist"; otherwise COMPARE_FAILED. */
  readonly ifModRevision?: number | undefined;
}

/** What a delete inside or outside a transaction can ask for. */
export interface DeleteFields {
  /** Also delete everything below the path. Default false. */
  readonly recursive?: boolean | undefined;
  /** Return the deleted entries. Default false. */
  readonly returnPrevious?: boolean | undefined;
}

/** Options of `delete`. */
export interface DeleteOptions extends DeleteFields, MutationOptions {
  /** Apply only if the key's mod revision is this one; otherwise COMPARE_FAILED. */
  readonly ifModRevision?: number | undefined;
}
