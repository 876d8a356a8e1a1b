/** Longest delay that setTimeout takes, in milliseconds. */
const timeoutMaxMs = 2 ** 31 - 1;

/**
 * The client's own, conservative idea of how long a lease surely lives: its TTL from the moment the last answered
 * keepalive was *sent*. The servers start counting later, so while this clock runs the lease has not expired. It
 * runs on the process's monotonic clock, which stands still while the machine is suspended: only fences protect there.
 */
export class LeaseClock {
  readonly #now: () => number;
  readonly #onLapse: () => void;
  #validUntilMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lapsed = false;
  #stopped = false;

  /** `onLapse` is called each time the clock runs out, again only after a renewal in between. */
  constructor(sentAtMs: number, ttlMs: number, onLapse: () => void, now = () => performance.now()) {
    this.#now = now;
    this.#onLapse = onLapse;
    this.#validUntilMs = sentAtMs + ttlMs;
    this.#arm();
  }

  /** Whether the lease may have expired. Looks at the clock, so it is right even when timers are late. */
  get lapsed(): boolean {
    if (!this.#lapsed && this.#now() >= this.#validUntilMs) this.#lapse();
    return this.#lapsed;
  }

  /** A keepalive sent at `sentAtMs` was answered with a time to live of `ttlMs`. */
  renew(sentAtMs: number, ttlMs: number): void {
    const validUntilMs = sentAtMs + ttlMs;
    if (this.#stopped || validUntilMs <= this.#validUntilMs || validUntilMs <= this.#now()) return;
    // An answer that came too late must not hide that the time in between was not covered.
    if (!this.#lapsed && this.#now() >= this.#validUntilMs) this.#lapse();
    // Who heard of that may have let the lease go.
    if (this.#stopped) return;
    this.#validUntilMs = validUntilMs;
    this.#lapsed = false;
    this.#arm();
  }

  /** The lease is over: lapses if it has not, and never runs again. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (!this.#lapsed) this.#lapse();
  }

  #lapse(): void {
    this.#lapsed = true;
    clearTimeout(this.#timer);
    this.#onLapse();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const remainingMs = Math.min(timeoutMaxMs, Math.max(0, Math.ceil(this.#validUntilMs - this.#now())));
    this.#timer = setTimeout(() => {
      if (!this.lapsed) this.#arm();
    }, remainingMs);
    this.#timer.unref();
  }
}
