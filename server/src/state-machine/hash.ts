/**
 * Digest of one element of the state: two lanes of 32 bits, so that every step is one integer multiplication. One
 * instance is used over and over: start, feed, finish, then read the lanes.
 */
export class Digest {
  a = 0;
  b = 0;

  /** Begins an element; `tag` keeps kinds of elements apart. */
  start(tag: number): void {
    this.a = tag ^ 0x2c1b3c6d;
    this.b = Math.imul(tag, 0x297a2d39) ^ 0x5bd1e995;
  }

  /** Feeds an integer of at most 53 bits. */
  number(value: number): void {
    this.#word(value | 0);
    this.#word((value / 4_294_967_296) | 0);
  }

  /** Feeds a string, by code units, with its length. */
  text(value: string): void {
    const length = value.length;
    let a = this.a;
    let b = this.b;
    for (let i = 0; i < length; i += 2) {
      const word = value.charCodeAt(i) | (i + 1 < length ? value.charCodeAt(i + 1) << 16 : 0);
      a = Math.imul(a ^ word, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul((b ^ word) + 0x165667b1, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    this.#word(length);
  }

  /** Feeds bytes, four at a step, with their length. */
  bytes(value: Uint8Array): void {
    const length = value.length;
    let a = this.a;
    let b = this.b;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      const word =
        (value[i] ?? 0) |
        ((value[i + 1] ?? 0) << 8) |
        ((value[i + 2] ?? 0) << 16) |
        ((value[i + 3] ?? 0) << 24);
      a = Math.imul(a ^ word, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul((b ^ word) + 0x165667b1, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    for (; i < length; i += 1) this.#word(value[i] ?? 0);
    this.#word(length);
  }

  /** Ends the element: from here on the lanes are its digest. */
  finish(): void {
    this.a = mixed(this.a);
    this.b = mixed(this.b ^ Math.imul(this.a, 0x9e3779b1));
  }

  #word(word: number): void {
    let a = Math.imul(this.a ^ word, 0x85ebca6b);
    a ^= a >>> 15;
    let b = Math.imul((this.b ^ word) + 0x165667b1, 0xc2b2ae35);
    b ^= b >>> 13;
    this.a = a;
    this.b = b;
  }
}

function mixed(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return h ^ (h >>> 16);
}

/** Sum of the digests of a set of elements: whatever the order of the changes, equal sets have equal sums. */
export class StateHash {
  a = 0;
  b = 0;

  add(a: number, b: number): void {
    this.a = (this.a + a) | 0;
    this.b = (this.b + b) | 0;
  }

  remove(a: number, b: number): void {
    this.a = (this.a - a) | 0;
    this.b = (this.b - b) | 0;
  }
}

/** Tags of the kinds of elements. They are part of the hash, so a number once used keeps its meaning. */
export const entryTag = 1;
export const leaseTag = 2;
export const resultTag = 3;
export const memberTag = 4;
export const stateTag = 5;
export const configurationTag = 6;
export const quotaTag = 7;
export const limitsTag = 8;
export const usageTag = 9;
export const historyIdTag = 10;

/** The lanes as 16 hexadecimal digits. */
export function hexOf(a: number, b: number): string {
  return (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");
}
