import { bounds } from "../client/options.js";
import type { HistoryChanged, QuorateError } from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import { LeaseClock } from "./lease-clock.js";
import type { Renewer } from "./renewer.js";

/** Keepalives per TTL: one may be lost and the next still comes in time. */
const keepAlivesPerTtl = 3;
/** Nodes that a keepalive can be sent to within a TTL, one after the other, if all before keep silent. */
const nodesPerTtl = 6;

/** How long a keepalive of a lease with that TTL waits for one node before it asks another as well, in milliseconds. */
export function patienceMsOf(ttlMs: number): number {
  return Math.min(ttlMs / nodesPerTtl, bounds.keepAlivePatienceMaxMs);
}

/** What {@link LeaseKeeper} is made of. */
export interface LeaseKeeperOptions {
  readonly renewer: Renewer;
  readonly leaseId: number;
  readonly ttlMs: number;
  /** When the request that made the lease was sent. */
  readonly sentAtMs: number;
  /**
   * The lease may have expired: no keepalive was answered in time. Called again after every renewal that was too late.
   * `trouble` says what was in the way, if that is known.
   */
  readonly onLapse: (trouble: QuorateError | undefined) => void;
  /** A server said that the lease does not exist, or all of them that they are of another history than it. */
  readonly onGone: (changed: HistoryChanged | undefined) => void;
}

/**
 * Keeps one lease alive, a session's own among them, and knows how long it surely lives.
 *
 * Invariant: a lease is renewed as long as this process runs and some node of a majority that it knows answers within a
 * TTL less what it takes to get there: a third of the TTL until the next keepalive, and a sixth, at most
 * `keepAlivePatienceMaxMs`, for each node that keeps silent before. A keepalive counts until a TTL after it was sent,
 * since an answer that comes late says as much.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #clock: LeaseClock;
  readonly #timer: NodeJS.Timeout;
  readonly #letGo = new AbortController();
  #stopped = false;
  /** Why no keepalive was answered since the last that was. */
  #trouble: QuorateError | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#clock = new LeaseClock(options.sentAtMs, options.ttlMs, () => options.onLapse(this.#trouble));
    this.#timer = setInterval(() => this.renew(), Math.max(1, options.ttlMs / keepAlivesPerTtl));
  }

  /** Whether the lease may have expired. */
  get lapsed(): boolean {
    return this.#clock.lapsed;
  }

  /** Sends a keepalive now. */
  renew(): void {
    if (this.#stopped) return;
    const { renewer, leaseId, ttlMs } = this.#options;
    const patienceMs = patienceMsOf(ttlMs);
    const onTrouble = (error: QuorateError): void => {
      this.#trouble = tellingTrouble(this.#trouble, error);
    };
    renewer.renew(leaseId, { timeoutMs: ttlMs, patienceMs, signal: this.#letGo.signal, onTrouble }).then(
      (renewal) => {
        if (this.#stopped) return;
        if (renewal.ttlMs > 0) {
          this.#clock.renew(renewal.sentAtMs, renewal.ttlMs);
          this.#trouble = undefined;
        } else this.#options.onGone(renewal.changed);
      },
      // The next keepalive is on its way; if none is answered, the clock lapses.
      () => undefined,
    );
  }

  /** The lease is over or let go. Lapses if it has not. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    // Nothing that is still under way may renew it once more.
    this.#letGo.abort();
    this.#clock.stop();
  }
}
