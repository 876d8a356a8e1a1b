import type { OperationRunner } from "../session/operation.js";
import { renewLease } from "./lease-calls.js";
import { LeaseClock } from "./lease-clock.js";

/** Keepalives per TTL: one may be lost and the next still comes in time. */
const keepAlivesPerTtl = 3;

/** What {@link LeaseKeeper} is made of. */
export interface LeaseKeeperOptions {
  readonly runner: OperationRunner;
  readonly leaseId: number;
  readonly ttlMs: number;
  /** When the request that made the lease was sent. */
  readonly sentAtMs: number;
  /** The lease may have expired: no keepalive was answered in time. Called again after every renewal that was too late. */
  readonly onLapse: () => void;
  /** A server said that the lease does not exist. */
  readonly onGone: () => void;
}

/** Keeps one lease alive, a session's own among them, and knows how long it surely lives. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #clock: LeaseClock;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#clock = new LeaseClock(options.sentAtMs, options.ttlMs, options.onLapse);
    this.#timer = setInterval(() => this.renew(), Math.max(1, options.ttlMs / keepAlivesPerTtl));
  }

  /** Whether the lease may have expired. */
  get lapsed(): boolean {
    return this.#clock.lapsed;
  }

  /** Sends a keepalive now. */
  renew(): void {
    if (this.#stopped) return;
    const { runner, leaseId, ttlMs } = this.#options;
    // Measured before sending, and before the first of all attempts: never later than a server's renewal.
    const sentAtMs = performance.now();
    renewLease(runner, leaseId, { timeoutMs: ttlMs / keepAlivesPerTtl }).then(
      (renewedTtlMs) => {
        if (this.#stopped) return;
        if (renewedTtlMs > 0) this.#clock.renew(sentAtMs, renewedTtlMs);
        else this.#options.onGone();
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
    this.#clock.stop();
  }
}
