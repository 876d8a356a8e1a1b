import { Digest, quotaTag, type StateHash, usageTag } from "./hash.js";
import type { Key } from "./key.js";
import { quotasMax } from "./limits.js";
import { refuse } from "./refusal.js";
import type { ErrorResult } from "./result.js";

/** How much a subtree, that is a key and everything below it, may hold. */
export interface Quota {
  /** The root of the subtree; "" for everything below "/". */
  readonly key: Key;
  /** At most so many keys, 0 for any number. */
  readonly keysMax: number;
  /** At most so many bytes of keys and values, 0 for any number. */
  readonly bytesMax: number;
}

/** What a subtree holds. */
export interface Usage {
  readonly keys: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
}

/** A quota, and what its subtree holds now. */
export interface QuotaUsage extends Quota, Usage {}

/**
 * A quota as the table keeps it. Invariant: `keys` and `bytes` are what a walk of the subtree would count. They decide
 * what is refused, so they are part of the state hash though they follow from the keys.
 */
export class QuotaRecord implements QuotaUsage {
  readonly key: Key;
  readonly keysMax: number;
  readonly bytesMax: number;
  keys: number;
  bytes: number;
  /** What a key and a byte of the subtree count in the state hash, whose sums a change of either then costs a step. */
  readonly keyWeightA: number;
  readonly keyWeightB: number;
  readonly byteWeightA: number;
  readonly byteWeightB: number;

  constructor({ key, keysMax, bytesMax }: Quota, { keys, bytes }: Usage, digest: Digest) {
    this.key = key;
    this.keysMax = keysMax;
    this.bytesMax = bytesMax;
    this.keys = keys;
    this.bytes = bytes;
    digest.start(usageTag);
    digest.text(key);
    digest.finish();
    // Odd, so that no difference below 2^32 disappears.
    this.keyWeightA = digest.a | 1;
    this.keyWeightB = digest.b | 1;
    this.byteWeightA = Math.imul(digest.a, 0x9e3779b1) | 1;
    this.byteWeightB = Math.imul(digest.b, 0x85ebca6b) | 1;
  }
}

/** The quotas of subtrees. What the subtrees hold is kept up to date with every change, in O(depth) of the key. */
export class QuotaTable {
  readonly #quotas = new Map<Key, QuotaRecord>();
  readonly #hash: StateHash;
  readonly #digest = new Digest();
  #changed = false;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  /** Whether there are none: most stores, whose changes cost nothing more. */
  get isEmpty(): boolean {
    return this.#quotas.size === 0;
  }

  get(key: Key): QuotaUsage | undefined {
    return this.#quotas.get(key);
  }

  /** All of them, in key order. */
  all(): QuotaUsage[] {
    return [...this.#quotas.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  /**
   * Sets a quota in place of the one before; both maxima 0 remove it. `measure` counts the subtree. It may hold more
   * than the quota allows: then it can only shrink.
   */
  set(quota: Quota, measure: () => Usage): ErrorResult | undefined {
    const { key, keysMax, bytesMax } = quota;
    if (!isMaximum(keysMax) || !isMaximum(bytesMax)) {
      return refuse("INVALID_ARGUMENT", "the maxima of a quota are whole numbers from 0");
    }
    const before = this.#quotas.get(key);
    if (keysMax === 0 && bytesMax === 0) {
      if (before !== undefined) this.#remove(before);
      return undefined;
    }
    if (before === undefined && this.#quotas.size >= quotasMax) {
      return refuse("INVALID_ARGUMENT", `there are ${quotasMax} quotas already, as many as there may be`);
    }
    const usage = before ?? measure();
    if (before !== undefined) this.#remove(before);
    this.#add(new QuotaRecord(quota, usage, this.#digest));
    this.#changed = true;
    return undefined;
  }

  /** The quotas of the subtrees that `key` is in, outermost first. */
  enclosing(key: Key): QuotaRecord[] {
    const found: QuotaRecord[] = [];
    for (let slash = key.indexOf("/"); slash !== -1; slash = key.indexOf("/", slash + 1)) {
      const quota = this.#quotas.get(key.slice(0, slash));
      if (quota !== undefined) found.push(quota);
    }
    const own = this.#quotas.get(key);
    if (own !== undefined) found.push(own);
    return found;
  }

  /** A key changed by so many keys (1, 0 or -1) and bytes. */
  changed(key: Key, keys: number, bytes: number): void {
    for (const quota of this.enclosing(key)) {
      quota.keys += keys;
      quota.bytes += bytes;
      this.#count(quota, keys, bytes);
    }
  }

  /** All of them if any was set or removed since the last call. */
  takeChanged(): Quota[] | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return this.all().map(({ key, keysMax, bytesMax }) => ({ key, keysMax, bytesMax }));
  }

  /** Takes over the quotas of an earlier life. What the subtrees hold is counted afterwards. */
  restore(quotas: Iterable<Quota>): void {
    for (const quota of quotas) this.#add(new QuotaRecord(quota, { keys: 0, bytes: 0 }, this.#digest));
  }

  #add(quota: QuotaRecord): void {
    this.#quotas.set(quota.key, quota);
    this.#feed(quota);
    this.#hash.add(this.#digest.a, this.#digest.b);
    this.#count(quota, quota.keys, quota.bytes);
  }

  #remove(quota: QuotaRecord): void {
    this.#quotas.delete(quota.key);
    this.#feed(quota);
    this.#hash.remove(this.#digest.a, this.#digest.b);
    this.#count(quota, -quota.keys, -quota.bytes);
    this.#changed = true;
  }

  /** So much more is in the hash. */
  #count(quota: QuotaRecord, keys: number, bytes: number): void {
    this.#hash.add(
      Math.imul(keys, quota.keyWeightA) + Math.imul(bytes, quota.byteWeightA),
      Math.imul(keys, quota.keyWeightB) + Math.imul(bytes, quota.byteWeightB),
    );
  }

  #feed(quota: Quota): void {
    const digest = this.#digest;
    digest.start(quotaTag);
    digest.text(quota.key);
    digest.number(quota.keysMax);
    digest.number(quota.bytesMax);
    digest.finish();
  }
}

function isMaximum(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
