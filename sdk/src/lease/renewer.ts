import type { CallOptions } from "../client/options.js";
import type { HistoryChanged, QuorateError } from "../errors/quorate-error.js";

/** A keepalive that was answered. */
export interface Renewal {
  /** The lease's time to live in milliseconds; 0 when it does not exist. */
  readonly ttlMs: number;
  /** When the call that was answered was about to be sent: the servers renewed the lease no earlier. */
  readonly sentAtMs: number;
  /** Why it does not exist: all nodes are of another history than the lease. Nobody will renew it any more. */
  readonly changed?: HistoryChanged | undefined;
}

/** How long to try, and how patient to be with each node. */
export interface RenewOptions extends CallOptions {
  readonly timeoutMs: number;
  /** After so long without an answer, in milliseconds, another node is asked as well. */
  readonly patienceMs: number;
  /** Told why a node did not renew the lease, each time. */
  readonly onTrouble?: ((error: QuorateError) => void) | undefined;
}

/** Renews leases, each call on its own: no operation of the client comes before it. */
export interface Renewer {
  /** Renews one lease. Rejects with a QuorateError when nobody answered in time. */
  renew(leaseId: number, options: RenewOptions): Promise<Renewal>;
}
