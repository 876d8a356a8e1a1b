import { type BackoffOptions, backoffMs } from "./backoff.js";

/** What a breaker lets through now. */
export type BreakerState = "closed" | "open" | "half-open";

/** Bounds of a {@link CircuitBreaker}. */
export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** How long it stays open: from half of the bound to the bound, so that it never opens for nothing. */
  readonly open: BackoffOptions;
}

/**
 * Keeps a dead endpoint from being dialled at every turn. Closed: attempts pass. Open: none pass until its pause is
 * over. Half-open: one attempt passes, and decides.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  readonly #random: () => number;
  #failures = 0;
  #openUntilMs = 0;

  constructor(options: BreakerOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** Its state at `nowMs` of the caller's monotonic clock. */
  state(nowMs: number): BreakerState {
    if (this.#failures < this.#options.failuresMax) return "closed";
    return nowMs < this.#openUntilMs ? "open" : "half-open";
  }

  /** When it stops being open; in the past when it is not. */
  get openUntilMs(): number {
    return this.#openUntilMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openUntilMs = 0;
  }

  failed(nowMs: number): void {
    this.#failures += 1;
    const extra = this.#failures - this.#options.failuresMax;
    if (extra < 0) return;
    const ceilingMs = Math.min(
      this.#options.open.maxMs,
      this.#options.open.baseMs * 2 ** Math.min(extra, 30),
    );
    const jitterMs = backoffMs(extra, this.#options.open, this.#random);
    this.#openUntilMs = nowMs + ceilingMs / 2 + jitterMs / 2;
  }
}
