import { Digest, limitsTag, type StateHash } from "./hash.js";

/**
 * Limits that every node applies to the same command alike: so they are part of the state, set through the log, and no
 * node's own option. 0 for none, as in a store whose members are not all new enough to know them.
 */
export interface Limits {
  /** Bytes that everything retained may take, history included. */
  readonly spaceBytesMax: number;
  /** Bytes of results that a session may keep, a last one not counted. */
  readonly sessionResultBytesMax: number;
}

const none: Limits = { spaceBytesMax: 0, sessionResultBytesMax: 0 };

/** The limits that the log set. */
export class AgreedLimits {
  readonly #hash: StateHash;
  readonly #digest = new Digest();
  #limits = none;
  #changed = false;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  get current(): Limits {
    return this.#limits;
  }

  set(limits: Limits): void {
    if (this.#feed()) this.#hash.remove(this.#digest.a, this.#digest.b);
    this.#limits = limits;
    if (this.#feed()) this.#hash.add(this.#digest.a, this.#digest.b);
    this.#changed = true;
  }

  /** The limits if they were set since the last call. */
  takeChanged(): Limits | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return this.#limits;
  }

  /** Takes over the limits of an earlier life. */
  restore(limits: Limits): void {
    this.set(limits);
    this.#changed = false;
  }

  /** Digests the limits; false when there are none, which count nothing, so that states older than limits keep their hash. */
  #feed(): boolean {
    const { spaceBytesMax, sessionResultBytesMax } = this.#limits;
    if (spaceBytesMax === 0 && sessionResultBytesMax === 0) return false;
    const digest = this.#digest;
    digest.start(limitsTag);
    digest.number(spaceBytesMax);
    digest.number(sessionResultBytesMax);
    digest.finish();
    return true;
  }
}
