import type { Key } from "./key.js";

/** Parts of the table, a power of two: a part of a million keys has some 16,000, and grows within a millisecond or two. */
const PARTS = 64;

/**
 * A map by key, in parts. A Map that grows moves everything it holds at once, which at a million keys stops the node
 * for a tenth of a second and more; a part moves a sixty-fourth of that. Nor may one Map hold more than 2^24 keys.
 */
export class KeyTable<Value> {
  readonly #parts: Map<Key, Value>[] = Array.from({ length: PARTS }, () => new Map<Key, Value>());

  get(key: Key): Value | undefined {
    return this.#partOf(key).get(key);
  }

  set(key: Key, value: Value): void {
    this.#partOf(key).set(key, value);
  }

  delete(key: Key): void {
    this.#partOf(key).delete(key);
  }

  /** Keys differ most at their ends. An uneven spread costs time, nothing else. */
  #partOf(key: Key): Map<Key, Value> {
    const { length } = key;
    let mix = length;
    for (let at = Math.max(0, length - 4); at < length; at += 1) mix = (mix * 31 + key.charCodeAt(at)) | 0;
    const part = this.#parts[(mix ^ (mix >>> 7)) & (PARTS - 1)];
    if (part === undefined) throw new Error("a key belongs to no part of the table");
    return part;
  }
}
