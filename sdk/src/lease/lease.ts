import { leaseCalls } from "../arguments/calls.js";
import {
  Closed,
  HistoryChanged,
  LeaseNotFound,
  QuorateError,
  SessionExpired,
} from "../errors/quorate-error.js";
import type { MutationOptions } from "../kv/options.js";
import type { OperationRunner } from "../session/operation.js";
import { grantLease, revokeLease } from "./lease-calls.js";
import { LeaseKeeper } from "./lease-keeper.js";
import type { Renewer } from "./renewer.js";

/**
 * A lease: keys put with it are deleted together when it ends. Kept alive until it is revoked or the client closed.
 *
 * @example
 * await using lease = await quorate.lease(15_000);
 * await quorate.put("/services/web/a", "10.0.0.1:80", { lease });
 */
export class Lease implements AsyncDisposable {
  readonly id: number;
  /** Time to live in milliseconds, as the server granted it: a TTL below its minimum is raised. */
  readonly ttlMs: number;
  readonly #runner: OperationRunner;
  readonly #keeper: LeaseKeeper;
  readonly #lost = new AbortController();
  readonly #onEnd: (lease: Lease) => void;

  private constructor(
    runner: OperationRunner,
    renewer: Renewer,
    id: number,
    ttlMs: number,
    sentAtMs: number,
    onEnd: (lease: Lease) => void,
  ) {
    this.#runner = runner;
    this.id = id;
    this.ttlMs = ttlMs;
    this.#onEnd = onEnd;
    this.#keeper = new LeaseKeeper({
      renewer,
      leaseId: id,
      ttlMs,
      sentAtMs,
      onLapse: (trouble) => {
        const problem = `lease ${id} may have expired: no keepalive was answered in time`;
        this.end(
          trouble instanceof HistoryChanged
            ? new HistoryChanged(`${problem}; last: ${trouble.message}`, { cause: trouble })
            : new LeaseNotFound(problem),
        );
      },
      onGone: (changed) =>
        this.end(
          changed === undefined
            ? new LeaseNotFound(`lease ${id} expired or was revoked`)
            : new HistoryChanged(`lease ${id} is gone: ${changed.message}`, { cause: changed }),
        ),
    });
  }

  /** Grants a lease and starts to keep it alive. `onEnd` is called once, when nothing keeps it alive any more. */
  static async grant(
    runner: OperationRunner,
    renewer: Renewer,
    ttlMs: number,
    options: MutationOptions,
    onEnd: (lease: Lease) => void,
  ): Promise<Lease> {
    const sentAtMs = performance.now();
    const granted = await grantLease(runner, ttlMs, options);
    return new Lease(runner, renewer, granted.id, granted.ttlMs, sentAtMs, onEnd);
  }

  /**
   * Aborted once the lease ended or may have expired, by the client's own conservative clock. From then on it is not kept
   * alive any more: whoever takes it for gone must not find its keys there for as long as this client lives.
   */
  get signal(): AbortSignal {
    // Looks at the clock, so that a process that was paused sees it even before its timers run.
    this.#keeper.lapsed;
    return this.#lost.signal;
  }

  /**
   * Ends the lease and deletes its keys. Succeeds when it is gone already. When it was refused, by its fence or for want
   * of a quorum, nothing happened: the lease lives on and is kept alive. After OutcomeUnknown it is not kept alive any
   * more, and `signal` is aborted, since it may be gone: it ends about a TTL later, and `revoke` may be called again.
   */
  async revoke(options?: MutationOptions): Promise<void> {
    const [taken] = leaseCalls.revoke(options);
    try {
      await revokeLease(this.#runner, this.id, taken);
    } catch (error) {
      if (!(error instanceof LeaseNotFound)) {
        if (!livesOn(error)) this.end(new LeaseNotFound(`lease ${this.id} may have been revoked`));
        throw error;
      }
    }
    this.end(new LeaseNotFound(`lease ${this.id} was revoked`));
  }

  /** Stops keeping the lease alive, without telling the servers: it ends by its TTL. */
  end(reason: QuorateError): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(reason);
    this.#keeper.stop();
    this.#onEnd(this);
  }

  /**
   * Revokes the lease; a session or client that is gone is no failure, since the lease then ends by its TTL. So it does
   * after any other failure, too: nobody is left who could end it, so nothing keeps it alive.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.revoke();
    } catch (error) {
      this.end(new LeaseNotFound(`lease ${this.id} was let go: it ends by its TTL`));
      if (!isWithoutSession(error)) throw error;
    }
  }
}

/**
 * Whether a revoke that failed certainly changed nothing, so that the lease is there to be kept alive: it is not known to be
 * wanted any less. Without its session or client nothing can renew it.
 */
function livesOn(error: unknown): boolean {
  return !isWithoutSession(error) && error instanceof QuorateError && error.outcome === "did-not-happen";
}

/** Whether nothing is left that could renew the lease: its session or client is gone, or the history that it was of. */
function isWithoutSession(error: unknown): boolean {
  return error instanceof SessionExpired || error instanceof HistoryChanged || error instanceof Closed;
}
