import type { Entry } from "./entry.js";
import type { Key } from "./key.js";
import type { Mvcc } from "./mvcc.js";
import type { OrderedCursor } from "./ordered-keys.js";

/** Walks, in order, the keys that exist at one revision. Any change of the store ends its use. */
export interface KeyCursor {
  /** The key it is on; undefined past the last one. */
  readonly key: Key | undefined;
  /** Moves to the first key at or after `from`. */
  seek(from: Key): void;
  /** Moves to the next key. */
  next(): void;
  /** Whether `key` exists at the cursor's revision. */
  exists(key: Key): boolean;
  /** The entry of `key` at the cursor's revision. */
  entry(key: Key): Entry | undefined;
}

/** A cursor over the store at `revision`, which must be readable; it is on no key until it seeks. */
export function cursorAt(mvcc: Mvcc, revision: number): KeyCursor {
  return revision === mvcc.revision ? new CurrentCursor(mvcc) : new PastCursor(mvcc, revision);
}

class CurrentCursor implements KeyCursor {
  readonly #mvcc: Mvcc;
  readonly #live: OrderedCursor;

  constructor(mvcc: Mvcc) {
    this.#mvcc = mvcc;
    this.#live = mvcc.live.seek("");
  }

  get key(): Key | undefined {
    return this.#live.key;
  }

  seek(from: Key): void {
    this.#live.seek(from);
  }

  next(): void {
    this.#live.next();
  }

  exists(key: Key): boolean {
    return this.#mvcc.get(key) !== undefined;
  }

  entry(key: Key): Entry | undefined {
    return this.#mvcc.get(key);
  }
}

/** Merges the keys that exist now with the deleted ones, and passes over those that did not exist then. */
class PastCursor implements KeyCursor {
  readonly #mvcc: Mvcc;
  readonly #revision: number;
  readonly #live: OrderedCursor;
  readonly #deleted: OrderedCursor;

  constructor(mvcc: Mvcc, revision: number) {
    this.#mvcc = mvcc;
    this.#revision = revision;
    this.#live = mvcc.live.seek("");
    this.#deleted = mvcc.deleted.seek("");
  }

  get key(): Key | undefined {
    const live = this.#live.key;
    const deleted = this.#deleted.key;
    if (live === undefined) return deleted;
    return deleted === undefined || live < deleted ? live : deleted;
  }

  seek(from: Key): void {
    this.#live.seek(from);
    this.#deleted.seek(from);
    this.#settle();
  }

  next(): void {
    this.#step(this.key);
    this.#settle();
  }

  exists(key: Key): boolean {
    return this.#mvcc.existsAt(key, this.#revision);
  }

  entry(key: Key): Entry | undefined {
    return this.#mvcc.getAt(key, this.#revision);
  }

  #settle(): void {
    for (let key = this.key; key !== undefined && !this.exists(key); key = this.key) this.#step(key);
  }

  #step(key: Key | undefined): void {
    // No key is in both indexes.
    if (this.#live.key === key) this.#live.next();
    else this.#deleted.next();
  }
}
