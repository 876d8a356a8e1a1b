import { type BackoffOptions, backoffMs } from "../endpoints/backoff.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { gaveUp } from "../errors/give-up.js";
import { Cancelled, Closed, HistoryChanged, type QuorateError } from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import { KeepAliveConnections } from "./keep-alive-connections.js";
import { leaseId } from "./lease-calls.js";
import type { Renewal, Renewer, RenewOptions } from "./renewer.js";

/** Times its patience after which a connection without a sign of life is not trusted with another keepalive. */
const freshConnectionPatience = 2;

/**
 * Sends keepalives on connections of their own: to the node that is preferred, and when that is silent to another one
 * as well, and to a next one, until one answers. Any node will do, since each passes them on to the leader.
 *
 * Invariant: a keepalive needs no place in any queue of the client, waits for no operation, and is out to the n-th best
 * endpoint no later than n - 1 times its patience after it began. A node that failed to answer comes last until it has
 * shown a sign of life, so one that hangs delays one keepalive, not each.
 *
 * A keepalive names the history that the client goes on in, and what a node of another one answers says nothing of the
 * lease: under its id somebody else's may live there, or none. Such a node is passed over; where all are such, the lease
 * is gone with its history.
 *
 * What it costs: one call for each patience at most while nobody answers, one connection for each endpoint and twice
 * its patience; after refusals by all a pause that grows.
 */
export class KeepAlives implements Renewer {
  readonly #pool: EndpointPool;
  readonly #backoff: BackoffOptions;
  readonly #preferred: () => string | undefined;
  readonly #connections = new KeepAliveConnections();
  readonly #underWay = new Set<Renewing>();
  /** The endpoint that answered last. */
  #answered: string | undefined;
  #closed = false;

  /** `preferred` names the endpoint to ask first; undefined for the one that answered last. */
  constructor(pool: EndpointPool, backoff: BackoffOptions, preferred: () => string | undefined) {
    this.#pool = pool;
    this.#backoff = backoff;
    this.#preferred = preferred;
  }

  renew(id: number, options: RenewOptions): Promise<Renewal> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Closed("the client is closed"));
        return;
      }
      const renewing = new Renewing(
        {
          endpoints: () => this.#pool.endpoints,
          candidates: () => this.#candidates(options.patienceMs),
          ask: (endpoint, timeoutMs) => this.#ask(endpoint, leaseId(id), timeoutMs, options.patienceMs),
          backoff: this.#backoff,
          settled: (settle) => {
            this.#underWay.delete(renewing);
            settle();
          },
        },
        options,
        resolve,
        reject,
      );
      this.#underWay.add(renewing);
      renewing.begin();
    });
  }

  /** For how long the endpoint has owed the answer to a keepalive without a sign of life, in milliseconds. */
  silentMs(endpoint: string): number {
    return this.#connections.silentMs(endpoint, performance.now());
  }

  close(): void {
    this.#closed = true;
    for (const renewing of [...this.#underWay]) renewing.fail(new Closed("the client is closed"));
    this.#connections.close();
  }

  #candidates(patienceMs: number): string[] {
    const nowMs = performance.now();
    const isSilent = (endpoint: string): boolean =>
      this.#connections.silentMs(endpoint, nowMs) >= patienceMs / 2;
    const preferred = this.#preferred() ?? this.#answered;
    const usable = preferred === undefined || isSilent(preferred) ? undefined : preferred;
    return this.#pool.everyCandidate(nowMs, usable, isSilent);
  }

  async #ask(
    endpoint: string,
    id: bigint,
    timeoutMs: number,
    patienceMs: number,
  ): Promise<Renewal | QuorateError> {
    const sentAtMs = performance.now();
    const freshAfterMs = freshConnectionPatience * patienceMs;
    const { history } = this.#pool;
    const named = history.named(undefined);
    const answer = await this.#connections.send(endpoint, id, named, timeoutMs, freshAfterMs);
    if (answer.kind === "answered") {
      this.#pool.succeeded(endpoint);
      const strange = history.strange(answer.history, named, endpoint);
      if (strange !== undefined) return strange;
      this.#answered = endpoint;
      this.#connections.keepOnly([endpoint, this.#preferred()]);
      return { ttlMs: answer.ttlMs, sentAtMs };
    }
    const { error, fromServer } = answer.failure;
    if (fromServer) this.#pool.succeeded(endpoint);
    else if (error.code === "UNAVAILABLE" && !this.#closed) this.#pool.failed(endpoint, performance.now());
    return error;
  }
}

/** What one renewal needs. */
interface RenewingOptions {
  /** All endpoints that are known now. */
  readonly endpoints: () => readonly string[];
  /** The same, best first. */
  readonly candidates: () => string[];
  readonly ask: (endpoint: string, timeoutMs: number) => Promise<Renewal | QuorateError>;
  readonly backoff: BackoffOptions;
  /** Called once, when it is over. */
  readonly settled: (settle: () => void) => void;
}

/** One renewal: from its first call to the first answer. */
class Renewing {
  readonly #options: RenewingOptions;
  readonly #limits: RenewOptions;
  readonly #resolve: (renewal: Renewal) => void;
  readonly #reject: (error: QuorateError) => void;
  readonly #deadlineMs: number;
  readonly #abort = (): void =>
    this.fail(new Cancelled("keepAlive: aborted", { cause: this.#limits.signal?.reason }));
  readonly #strangers = new Set<string>();
  #untried: string[] = [];
  #rounds = 0;
  #trouble: QuorateError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    options: RenewingOptions,
    limits: RenewOptions,
    resolve: (renewal: Renewal) => void,
    reject: (error: QuorateError) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadlineMs = performance.now() + limits.timeoutMs;
  }

  begin(): void {
    const { signal } = this.#limits;
    if (signal?.aborted) {
      this.#abort();
      return;
    }
    signal?.addEventListener("abort", this.#abort, { once: true });
    this.#next();
  }

  fail(error: QuorateError): void {
    this.#settle(() => this.#reject(error));
  }

  #settle(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener("abort", this.#abort);
    this.#options.settled(settle);
  }

  /** Asks one endpoint more; those that were asked before may still answer. */
  #next(): void {
    if (this.#over) return;
    const { timeoutMs, patienceMs } = this.#limits;
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs <= 0) {
      this.fail(gaveUp(`keepAlive: gave up after ${Math.round(timeoutMs)} ms`, this.#trouble));
      return;
    }
    if (this.#untried.length === 0) this.#untried = this.#options.candidates();
    const endpoint = this.#untried.shift();
    this.#nextAfter(Math.min(patienceMs, leftMs));
    if (endpoint !== undefined) void this.#ask(endpoint, leftMs);
  }

  #nextAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), ms);
  }

  async #ask(endpoint: string, timeoutMs: number): Promise<void> {
    const sentAtMs = performance.now();
    const answer = await this.#options.ask(endpoint, timeoutMs);
    if (this.#over) return;
    if (!(answer instanceof Error)) {
      this.#settle(() => this.#resolve(answer));
      return;
    }
    if (answer.code === "INVALID_ARGUMENT" || answer.code === "TOO_LARGE") {
      this.fail(answer);
      return;
    }
    this.#trouble = tellingTrouble(this.#trouble, answer);
    this.#limits.onTrouble?.(answer);
    if (answer instanceof HistoryChanged && this.#isEverywhere(endpoint)) {
      this.#settle(() => this.#resolve({ ttlMs: 0, sentAtMs, changed: answer }));
      return;
    }
    // Who refuses costs no patience.
    if (this.#untried.length > 0) this.#next();
    else this.#nextAfter(Math.min(this.#limits.patienceMs, this.#pauseMs()));
  }

  /** Takes in that a node is of another history; whether now all are. */
  #isEverywhere(stranger: string): boolean {
    this.#strangers.add(stranger);
    return this.#options.endpoints().every((endpoint) => this.#strangers.has(endpoint));
  }

  #pauseMs(): number {
    return backoffMs(this.#rounds++, this.#options.backoff, Math.random);
  }
}
