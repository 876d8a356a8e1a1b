import type { CallOptions } from "../client/options.js";
import type { MutationOptions } from "../kv/options.js";

/** How much a subtree may hold. */
export interface QuotaLimits {
  /** At most so many keys; 0 or absent for any number. */
  readonly keysMax?: number | undefined;
  /** At most so many bytes of keys and values; 0 or absent for any number. */
  readonly bytesMax?: number | undefined;
}

/** The quota of a subtree, and what the subtree holds. */
export interface Quota {
  /** The subtree: this key and everything below it; "/" for everything. */
  readonly path: string;
  /** 0 for any number. */
  readonly keysMax: number;
  /** 0 for any number. */
  readonly bytesMax: number;
  readonly keys: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
}

/** What a subtree holds. */
export interface SubtreeStat {
  /** The revision as of which was counted. */
  readonly revision: number;
  readonly keys: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  /** The subtree's own quota; undefined when it has none. */
  readonly quota: Quota | undefined;
  /** Bytes that everything retained takes in the whole store, history included. */
  readonly spaceBytes: number;
  /** How many there may be, 0 for any number. */
  readonly spaceBytesMax: number;
}

/**
 * Quotas of subtrees: a key and everything below it. A put or transaction that would exceed one, or that of any subtree
 * around it, fails with QuotaExceeded and changes nothing. Deletes, puts that do not grow what is exceeded, and the ends
 * of leases always pass.
 *
 * ```ts
 * await quorate.quota.set("/tenants/a", { keysMax: 10_000, bytesMax: 16 * 1024 * 1024 });
 * ```
 */
export interface Quotas {
  /**
   * Sets the quota of a subtree in place of the one before. The subtree may hold more already: then it can only shrink.
   * Both limits 0 or absent remove it. May be repeated when the outcome is unknown.
   */
  set(path: string, limits: QuotaLimits, options?: MutationOptions): Promise<Quota | undefined>;
  /** The quota of this very subtree, linearizably; undefined when it has none of its own. */
  get(path: string, options?: CallOptions): Promise<Quota | undefined>;
  /** All quotas, in path order, linearizably. */
  list(options?: CallOptions): Promise<Quota[]>;
  /** Removes the quota of a subtree. One that has none is no error. */
  delete(path: string, options?: MutationOptions): Promise<void>;
}
