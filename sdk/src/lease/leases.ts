import type { CallOptions } from "../client/options.js";
import type { MutationOptions } from "../kv/options.js";

/** A lease or session in a list. */
export interface LeaseInfo {
  readonly id: number;
  /** Time to live it was granted, in milliseconds. */
  readonly ttlMs: number;
  /** Whether it is a session. */
  readonly session: boolean;
  /** How many keys live on it. */
  readonly keyCount: number;
}

/** A lease and what is left of it. */
export interface LeaseStatus extends LeaseInfo {
  /** Time left in milliseconds, as the leader's clock has it. */
  readonly remainingMs: number;
}

/**
 * Leases by their ids, whoever granted them. Unlike with `Quorate.lease`, nothing is kept alive here: who grants a lease
 * keeps it alive, or lets it end.
 */
export interface Leases {
  /** All leases and sessions in the order of their ids, read page by page as they are taken: no picture of one moment. */
  leases(options?: CallOptions): AsyncIterableIterator<LeaseInfo>;
  /** What is left of a lease; undefined when it does not exist. */
  leaseStatus(id: number, options?: CallOptions): Promise<LeaseStatus | undefined>;
  /** The paths of the keys that live on a lease, in order, read page by page; none when it does not exist. */
  leaseKeys(id: number, options?: CallOptions): AsyncIterableIterator<string>;
  /** Grants a lease that nothing keeps alive. A `ttlMs` below the servers' minimum is raised to it. */
  grantLease(
    ttlMs: number,
    options?: MutationOptions,
  ): Promise<{ readonly id: number; readonly ttlMs: number }>;
  /** Gives a lease its full time again, and resolves with that. Throws LeaseNotFound when it does not exist. */
  keepLeaseAlive(id: number, options?: CallOptions): Promise<number>;
  /** Ends a lease and deletes its keys. Throws LeaseNotFound when it does not exist. */
  revokeLease(id: number, options?: MutationOptions): Promise<void>;
}
