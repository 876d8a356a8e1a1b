import type { Key } from "./key.js";
import { orderedChunkKeysMax } from "./limits.js";

/**
 * A sorted set of keys, as a list of sorted chunks. A B-tree of two levels: with a million keys a chunk is found by
 * some 12 comparisons and searched by 9, and inserting moves a few hundred references.
 */
export class OrderedKeys {
  // Invariant: no chunk is empty, and #firsts[i] is the first key of #chunks[i].
  readonly #chunks: Key[][] = [];
  readonly #firsts: Key[] = [];
  #size = 0;
  // The chunk of the last search: neighbouring keys are often used one after the other.
  #hint = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds `key`. Returns whether it was new. */
  add(key: Key): boolean {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      this.#firsts.push(key);
      this.#size = 1;
      return true;
    }
    const last = chunk.length - 1;
    const offset = key > (chunk[last] ?? "") ? chunk.length : lowerBound(chunk, key);
    if (chunk[offset] === key) return false;
    this.#size += 1;
    if (offset === chunk.length) {
      // A run of rising keys fills chunks completely instead of leaving each one half full.
      if (chunk.length >= orderedChunkKeysMax && at === this.#chunks.length - 1) {
        this.#chunks.push([key]);
        this.#firsts.push(key);
        return true;
      }
      chunk.push(key);
    } else {
      chunk.splice(offset, 0, key);
      if (offset === 0) this.#firsts[at] = key;
    }
    if (chunk.length > orderedChunkKeysMax) this.#split(at, chunk);
    return true;
  }

  /** Removes `key`. Returns whether it was there. */
  delete(key: Key): boolean {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return false;
    const offset = lowerBound(chunk, key);
    if (chunk[offset] !== key) return false;
    this.#size -= 1;
    if (offset === 0) chunk.shift();
    else chunk.splice(offset, 1);
    const first = chunk[0];
    if (first === undefined) {
      this.#chunks.splice(at, 1);
      this.#firsts.splice(at, 1);
      return true;
    }
    this.#firsts[at] = first;
    const next = this.#chunks[at + 1];
    if (next !== undefined && chunk.length + next.length <= orderedChunkKeysMax / 2) {
      for (const moved of next) chunk.push(moved);
      this.#chunks.splice(at + 1, 1);
      this.#firsts.splice(at + 1, 1);
    }
    return true;
  }

  /** How many keys k there are with from <= k < to; "" for `to` is no end. Costs a step for each chunk between. */
  count(from: Key, to: Key): number {
    if (to !== "" && to <= from) return 0;
    const firstAt = this.#chunkOf(from);
    const first = this.#chunks[firstAt];
    if (first === undefined) return 0;
    const start = lowerBound(first, from);
    const lastAt = to === "" ? this.#chunks.length - 1 : this.#chunkOf(to);
    let count = -start;
    for (let at = firstAt; at < lastAt; at += 1) count += this.#chunks[at]?.length ?? 0;
    const last = this.#chunks[lastAt] ?? [];
    return count + (to === "" ? last.length : lowerBound(last, to));
  }

  /** A cursor on the first key at or after `from`. Any change of the set ends its use. */
  seek(from: Key): OrderedCursor {
    const cursor = new OrderedCursor(this);
    cursor.seek(from);
    return cursor;
  }

  /** The first key at or after `from`; undefined when there is none. */
  ceiling(from: Key): Key | undefined {
    const at = this.#chunkOf(from);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return undefined;
    return chunk[lowerBound(chunk, from)] ?? this.#firsts[at + 1];
  }

  /** For cursors: the number of the chunk in which `key` is or belongs, 0 when the set is empty. */
  chunkFor(key: Key): number {
    return this.#chunkOf(key);
  }

  /** For cursors: the chunk of that number. */
  chunk(at: number): readonly Key[] | undefined {
    return this.#chunks[at];
  }

  /** The last chunk whose first key is at or before `key`, or the first chunk. */
  #chunkOf(key: Key): number {
    const firsts = this.#firsts;
    const hint = this.#hint;
    const hinted = firsts[hint];
    if (hinted !== undefined && hinted <= key) {
      const after = firsts[hint + 1];
      if (after === undefined || key < after) return hint;
    }
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((firsts[middle] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    this.#hint = low === 0 ? 0 : low - 1;
    return this.#hint;
  }

  #split(at: number, chunk: Key[]): void {
    const upper = chunk.splice(chunk.length >>> 1);
    this.#chunks.splice(at + 1, 0, upper);
    this.#firsts.splice(at + 1, 0, upper[0] ?? "");
  }
}

/** Walks the keys of a set in order. */
export class OrderedCursor {
  readonly #keys: OrderedKeys;
  #at = 0;
  #chunk: readonly Key[] = [];
  #offset = 0;
  /** The key it is on; undefined past the last one. */
  key: Key | undefined;

  constructor(keys: OrderedKeys) {
    this.#keys = keys;
    this.key = undefined;
  }

  /** Moves to the first key at or after `from`. */
  seek(from: Key): void {
    this.#at = this.#keys.chunkFor(from);
    this.#chunk = this.#keys.chunk(this.#at) ?? [];
    this.#offset = lowerBound(this.#chunk, from);
    this.#settle();
  }

  /** Moves to the next key. */
  next(): void {
    this.#offset += 1;
    this.#settle();
  }

  #settle(): void {
    if (this.#offset >= this.#chunk.length) {
      this.#at += 1;
      this.#chunk = this.#keys.chunk(this.#at) ?? [];
      this.#offset = 0;
    }
    this.key = this.#chunk[this.#offset];
  }
}

function lowerBound(chunk: readonly Key[], key: Key): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunk[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
