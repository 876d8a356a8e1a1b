import type { Cluster } from "../cluster/cluster.js";
import type { MutationId } from "../errors/quorate-error.js";
import type { Entry } from "../kv/entry.js";
import type { HistoryOptions, Version } from "../kv/history.js";
import type { DeleteOptions, ListOptions, MutationOptions, PutOptions, ReadOptions } from "../kv/options.js";
import type { DeleteOutcome, Listing, PutOutcome, TxnOutcome } from "../kv/outcome.js";
import type { TxnSpec } from "../kv/txn.js";
import type { Walk, WalkOptions } from "../kv/walk.js";
import type { CampaignOptions, Leadership } from "../leader/leadership.js";
import type { Leader, ObserveOptions } from "../leader/observe.js";
import type { Lease } from "../lease/lease.js";
import type { Leases } from "../lease/leases.js";
import type { Lock, LockOptions } from "../locks/lock.js";
import type { MutationOutcome } from "../session/mutation-outcome.js";
import type { Quotas, SubtreeStat } from "../space/space.js";
import type {
  ProgressWatchOptions,
  Watch,
  WatchEvent,
  WatchOptions,
  WatchProgress,
} from "../watch/watch-event.js";
import type { CallOptions, ConnectionState } from "./options.js";

/**
 * A client. With a session (the default) every mutation is applied exactly once however often the network makes it
 * be sent, and keys, locks and leaderships can live as long as the session. Every call rejects with a `QuorateError`;
 * only `OutcomeUnknown` leaves open whether a mutation was applied.
 */
export interface Quorate extends Cluster, Leases, AsyncDisposable {
  /** Id of the session, and of its lease; 0 without one. */
  readonly sessionId: number;
  /**
   * Id of the history that the client goes on in, 16 hexadecimal digits: keep it with every revision that is to be gone on
   * from elsewhere. Undefined before the first answer, and while the cluster has none: for a moment after it was formed,
   * and as long as a member is too old to know of histories.
   */
  readonly historyId: string | undefined;
  /**
   * An expired session stays so: every call then fails with SessionExpired, or with HistoryChanged where the nodes are of
   * another history now; connect again for a new one.
   */
  readonly state: ConnectionState;
  /**
   * Aborted once: when the session expired or was closed, or first may have expired by the client's own conservative
   * clock. The client still tries to resume it then, and works on if that succeeds; the signal stays aborted.
   */
  readonly sessionSignal: AbortSignal;
  /** Reads one key; undefined when it does not exist. */
  get(path: string, options?: ReadOptions): Promise<Entry | undefined>;
  /** Reads a page of the direct children of a path or, with `recursive`, of every entry below it. */
  list(path: string, options?: ListOptions): Promise<Listing>;
  /**
   * Reads a key and everything below it, however much that is: in path order, all as of one revision, a page at a time
   * as it is taken. Throws Compacted when that revision is compacted before the end.
   */
  walk(path: string, options?: WalkOptions): Walk;
  /**
   * Reads the versions of a key, deletes among them, oldest first, linearizably, a page at a time as they are taken.
   * Throws Compacted when the versions from `fromRevision` on are not all there any more.
   */
  history(path: string, options?: HistoryOptions): AsyncGenerator<Version, void, undefined>;
  /** Counts the keys of a subtree, that is a key and everything below it, and their bytes, linearizably. */
  stat(path: string, options?: CallOptions): Promise<SubtreeStat>;
  /** How much subtrees may hold. */
  readonly quota: Quotas;
  /** Writes one key. Throws CompareFailed when `ifModRevision` does not hold, Fenced when `fence` does not. */
  put(path: string, value: string | Uint8Array, options?: PutOptions): Promise<PutOutcome>;
  /** Deletes one key or, with `recursive`, it and everything below it. A missing key is no error. */
  delete(path: string, options?: DeleteOptions): Promise<DeleteOutcome>;
  /** Compares, then applies one of two lists of operations as one atomic change. */
  txn(spec: TxnSpec): Promise<TxnOutcome>;
  /**
   * What became of the mutation of an OutcomeUnknown, from any client. The answer is final: a mutation that was not
   * applied when this is asked never will be. Ask before the client has gone on for some ten thousand operations;
   * the result is kept at the servers until then, or until it was asked for.
   */
  outcome(mutation: MutationId, options?: CallOptions): Promise<MutationOutcome>;
  /**
   * Watches a key or subtree, from shortly after the call: from when a server has it. With `fromRevision` the start is
   * exact, with `initial` nothing is missed. Survives reconnects: each revision once, in order.
   */
  watch(path: string, options: ProgressWatchOptions): Watch<WatchEvent | WatchProgress>;
  watch(path: string, options?: WatchOptions): Watch;
  /** Grants a lease of at least `ttlMs` milliseconds and keeps it alive. */
  lease(ttlMs: number, options?: MutationOptions): Promise<Lease>;
  /** Waits for a mutex. `timeoutMs` bounds the waiting, by default it is unbounded. */
  lock(key: string, options?: LockOptions): Promise<Lock>;
  /** Waits to be elected leader under `name`. `timeoutMs` bounds the waiting, by default it is unbounded. */
  campaign(key: string, name: string, options?: CampaignOptions): Promise<Leadership>;
  /** Who leads now, linearizably; undefined when nobody does. */
  leader(key: string, options?: CallOptions): Promise<Leader | undefined>;
  /** Follows who leads, from now on; undefined while nobody does. */
  observe(key: string, options?: ObserveOptions): AsyncGenerator<Leader | undefined, void, undefined>;
  /** Ends the session, so that its keys and locks are free at once, and every watch. Never rejects. */
  close(): Promise<void>;
}
