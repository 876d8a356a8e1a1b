import { bounds } from "../client/options.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { type QuorateError, Unavailable } from "../errors/quorate-error.js";
import { type Dialled, dialOne } from "./dialer.js";
import type { Hello, StreamHandlers } from "./session-stream.js";

/** What {@link Mover} is made of. */
export interface MoverOptions {
  readonly pool: EndpointPool;
  readonly handlers: StreamHandlers;
  readonly hello: () => Hello;
  /** The endpoint of the current stream; undefined while there is none. */
  readonly current: () => string | undefined;
  /** Makes a welcomed stream the current one. */
  readonly adopt: (dialled: Dialled) => void;
  /** A server said that the session is gone. */
  readonly expired: (error: QuorateError) => void;
}

/**
 * Moves a working session to a better endpoint: the leader's when a server names it, another one when the present
 * node has no quorum. The present stream stays in use until the new one is welcome, so a target that cannot be
 * reached (behind a NAT, say) costs nothing. Moves are rate-limited.
 */
export class Mover {
  readonly #options: MoverOptions;
  readonly #unreachableUntilMs = new Map<string, number>();
  /** Where the leader was last said to be. */
  #leader: string | undefined;
  #nextMoveAtMs = 0;
  #refusedSinceMs: number | undefined;
  #moving = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MoverOptions) {
    this.#options = options;
  }

  /** Endpoint of the leader, as last heard; undefined when it could not be reached. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /** A server says that the leader is there. */
  towards(endpoint: string): void {
    this.#leader = endpoint;
    this.#consider();
  }

  /** The present node refused operations for lack of a quorum. */
  refused(): void {
    const nowMs = performance.now();
    this.#refusedSinceMs ??= nowMs;
    if (nowMs - this.#refusedSinceMs < bounds.noQuorumPatienceMs) return;
    if (this.#moving || this.#stopped || nowMs < this.#nextMoveAtMs) return;
    const present = this.#options.current();
    const others = this.#options.pool.candidates(nowMs).filter((endpoint) => endpoint !== present);
    if (others.length > 0) void this.#move(others);
  }

  /** The present node served an operation. */
  served(): void {
    this.#refusedSinceMs = undefined;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #consider(): void {
    const target = this.#leader;
    const present = this.#options.current();
    if (this.#stopped || this.#moving || target === undefined || present === undefined || target === present)
      return;
    const nowMs = performance.now();
    if (nowMs < (this.#unreachableUntilMs.get(target) ?? 0)) return;
    if (nowMs < this.#nextMoveAtMs) {
      // The hint stands until a newer one: look again when moving is allowed.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#consider(), this.#nextMoveAtMs - nowMs);
      this.#timer.unref();
      return;
    }
    void this.#move([target]);
  }

  async #move(targets: readonly string[]): Promise<void> {
    this.#moving = true;
    this.#nextMoveAtMs = performance.now() + bounds.moveIntervalMs;
    try {
      for (const target of targets) {
        const { hello, handlers, pool, expired, adopt } = this.#options;
        const dialled = await dialOne(target, hello(), handlers, pool);
        if (!(dialled instanceof Error)) {
          if (this.#stopped) dialled.stream.destroy(new Unavailable("the session is over"));
          else {
            this.#unreachableUntilMs.delete(target);
            this.#refusedSinceMs = undefined;
            this.#moving = false;
            adopt(dialled);
          }
          return;
        }
        if (this.#stopped) return;
        if (dialled.code === "SESSION_EXPIRED") {
          expired(dialled);
          return;
        }
        const isGone = dialled.code === "UNAVAILABLE" || dialled.code === "HISTORY_CHANGED";
        if (target === this.#leader && isGone) {
          this.#leader = undefined;
          this.#rememberUnreachable(target);
        }
      }
    } finally {
      this.#moving = false;
    }
  }

  #rememberUnreachable(endpoint: string): void {
    const nowMs = performance.now();
    for (const [other, untilMs] of this.#unreachableUntilMs) {
      if (untilMs <= nowMs) this.#unreachableUntilMs.delete(other);
    }
    this.#unreachableUntilMs.set(endpoint, nowMs + bounds.moveRetryMs);
  }
}
