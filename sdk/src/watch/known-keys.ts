import { bounds } from "../client/options.js";
import { TooLarge } from "../errors/quorate-error.js";

/** Bytes a remembered key takes besides its path, about. */
const keyOverheadBytes = 128;

/**
 * The keys that exist as far as a watch has delivered, with the mod revision of each where it is known: what is there
 * later is compared with it. Bounded: throws TooLarge.
 */
export class KnownKeys {
  readonly #watched: string;
  readonly #modRevisions = new Map<string, number>();
  #bytes = 0;

  constructor(watched: string) {
    this.#watched = watched;
  }

  /** The mod revision a key was delivered with, 0 when only its path is known; undefined when it did not exist. */
  get(path: string): number | undefined {
    return this.#modRevisions.get(path);
  }

  paths(): IterableIterator<string> {
    return this.#modRevisions.keys();
  }

  put(path: string, modRevision: number): void {
    if (!this.#modRevisions.has(path)) this.#bytes += bytesOf(path);
    this.#modRevisions.set(path, modRevision);
    if (this.#bytes <= bounds.watchKnownBytesMax) return;
    const limit = `${bounds.watchKnownBytesMax} bytes (watchKnownBytesMax)`;
    throw new TooLarge(
      `watch ${this.#watched}: to relist, it would have to remember more than ${limit} of keys`,
    );
  }

  delete(path: string): void {
    if (this.#modRevisions.delete(path)) this.#bytes -= bytesOf(path);
  }
}

function bytesOf(path: string): number {
  return keyOverheadBytes + 2 * path.length;
}
