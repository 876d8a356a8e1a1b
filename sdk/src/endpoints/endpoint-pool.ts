import { InvalidArgument } from "../errors/quorate-error.js";
import { type BreakerOptions, CircuitBreaker } from "./circuit-breaker.js";
import { HistoryBinding } from "./history-binding.js";

/** Endpoints remembered at most, given and learned together: a cluster has far fewer. */
export const endpointsMax = 64;

/**
 * Reads "host:port,host:port" or a list of such, and drops duplicates.
 * Throws InvalidArgument when there is none, too many, or one without a port.
 */
export function parseEndpoints(endpoints: string | readonly string[]): string[] {
  const parts = typeof endpoints === "string" ? [endpoints] : endpoints;
  const list = parts.flatMap((part) => part.split(",")).map((part) => part.trim());
  const unique = [...new Set(list.filter((part) => part !== ""))];
  if (unique.length === 0) throw new InvalidArgument("no endpoint given: expected host:port[,host:port…]");
  if (unique.length > endpointsMax)
    throw new InvalidArgument(`${unique.length} endpoints, at most ${endpointsMax}`);
  for (const endpoint of unique) {
    const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/]+):(\d{1,5})$/.exec(endpoint)?.[1];
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
      throw new InvalidArgument(`endpoint "${endpoint}": expected host:port`);
    }
  }
  return unique;
}

/**
 * The endpoints a client knows, with a circuit breaker for each, and the history that their nodes must be of. All of its connections share one pool, so that what a
 * server says of the members on any of them, its session, its calls or its watches, is known to all.
 */
export class EndpointPool {
  readonly history: HistoryBinding;
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #breakerOptions: BreakerOptions;
  readonly #random: () => number;
  /** Those that the application gave: they are never forgotten. */
  readonly #given: ReadonlySet<string>;
  readonly #learns: boolean;
  #rotation: number;

  /** `learns`: whether it takes in what servers say of where the members are. */
  constructor(
    endpoints: readonly string[],
    breaker: BreakerOptions,
    random: () => number,
    learns = true,
    history = new HistoryBinding(),
  ) {
    this.history = history;
    this.#learns = learns;
    this.#breakerOptions = breaker;
    this.#random = random;
    this.#given = new Set(endpoints);
    for (const endpoint of endpoints) this.#add(endpoint);
    // Clients that start together should not all knock at the same node.
    this.#rotation = Math.floor(random() * endpoints.length);
  }

  /** Whether it takes in what servers say. */
  get learns(): boolean {
    return this.#learns;
  }

  get endpoints(): string[] {
    return [...this.#breakers.keys()];
  }

  /** Adds the endpoint of a member that a server named, if it named one. Ignored once the pool is full. */
  learn(endpoint: string): void {
    if (this.#learns && endpoint !== "") this.#add(endpoint);
  }

  #add(endpoint: string): void {
    if (this.#breakers.has(endpoint) || this.#breakers.size >= endpointsMax) return;
    this.#breakers.set(endpoint, new CircuitBreaker(this.#breakerOptions, this.#random));
  }

  /** The cluster's members as a server listed them: learned endpoints that are none of theirs are forgotten. */
  learnMembers(endpoints: readonly string[]): void {
    if (!this.#learns || endpoints.length === 0) return;
    for (const known of this.endpoints) {
      if (!this.#given.has(known) && !endpoints.includes(known)) this.#breakers.delete(known);
    }
    for (const endpoint of endpoints) this.learn(endpoint);
  }

  /**
   * The endpoints to try now, best first: `preferred` if its breaker allows it, then the healthy ones, each round
   * starting at another, then those due for a probe; those that are avoided come last.
   */
  candidates(
    nowMs: number,
    preferred?: string,
    isAvoided: (endpoint: string) => boolean = () => false,
  ): string[] {
    const all = this.endpoints;
    const start = this.#rotation++ % all.length;
    const rotated = [...all.slice(start), ...all.slice(0, start)];
    const closed: string[] = [];
    const probes: string[] = [];
    for (const endpoint of rotated) {
      const state = this.#breakers.get(endpoint)?.state(nowMs);
      if (state === "closed") closed.push(endpoint);
      else if (state === "half-open") probes.push(endpoint);
    }
    const rank = (endpoint: string): number => (endpoint === preferred ? 0 : isAvoided(endpoint) ? 2 : 1);
    return [...closed, ...probes].sort((a, b) => rank(a) - rank(b));
  }

  /** The same, and behind them those that are to be left alone for a while: for what cannot wait. */
  everyCandidate(
    nowMs: number,
    preferred?: string,
    isAvoided: (endpoint: string) => boolean = () => false,
  ): string[] {
    const allowed = this.candidates(nowMs, preferred, isAvoided);
    return [...allowed, ...this.endpoints.filter((endpoint) => !allowed.includes(endpoint))];
  }

  /** How long until some breaker lets an attempt through, in milliseconds; 0 when one does now. */
  waitMs(nowMs: number): number {
    let waitMs = Number.POSITIVE_INFINITY;
    for (const breaker of this.#breakers.values()) {
      waitMs = Math.min(waitMs, breaker.state(nowMs) === "open" ? breaker.openUntilMs - nowMs : 0);
    }
    return waitMs;
  }

  succeeded(endpoint: string): void {
    this.#breakers.get(endpoint)?.succeeded();
  }

  failed(endpoint: string, nowMs: number): void {
    this.#breakers.get(endpoint)?.failed(nowMs);
  }
}
