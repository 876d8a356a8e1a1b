import type { Ownership } from "../kv/options.js";
import type { Contender } from "./contender.js";

/** What a lock and a leadership have in common: an ownership that was acquired and is given up. */
export abstract class Held implements Ownership, AsyncDisposable {
  readonly #contender: Contender;

  protected constructor(contender: Contender) {
    this.#contender = contender;
  }

  get key(): string {
    return this.#contender.key;
  }

  /** Fencing token: strictly increasing with every owner of the key. */
  get token(): number {
    return this.#contender.token;
  }

  /** Path of this owner's entry in the queue. */
  get path(): string {
    return this.#contender.path;
  }

  /** Aborted once the ownership was given up or may have been lost. */
  get signal(): AbortSignal {
    return this.#contender.signal;
  }

  /** Gives the ownership up. Resolves when the next in the queue can have it. */
  protected giveUp(): Promise<void> {
    return this.#contender.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.giveUp();
  }
}
