import { configurationTag, Digest, type StateHash } from "./hash.js";

const NONE = new Uint8Array(0);

/**
 * The cluster's configuration as of the applied index. The state machine keeps it, so that it is part of every snapshot
 * and two nodes with different ones differ in their hash; what it says is Raft's business.
 */
export class AppliedConfiguration {
  readonly #hash: StateHash;
  readonly #digest = new Digest();
  #index = 0;
  #encoded: Uint8Array = NONE;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  /** Index of the log entry that brought it, 0 for none yet. */
  get index(): number {
    return this.#index;
  }

  /** Empty for none yet. */
  get encoded(): Uint8Array {
    return this.#encoded;
  }

  /** Takes the place of the one before. Keeps a copy of the bytes: a view would pin the log entry's buffer. */
  set(index: number, encoded: Uint8Array): void {
    const digest = this.#digest;
    if (this.#index !== 0) this.#hash.remove(digest.a, digest.b);
    this.#index = index;
    this.#encoded = Uint8Array.from(encoded);
    digest.start(configurationTag);
    digest.number(index);
    digest.bytes(this.#encoded);
    digest.finish();
    this.#hash.add(digest.a, digest.b);
  }
}
