/** First size of the arena and of the table, small because most partitions are. */
const ARENA_WORDS_MIN = 256;
const TABLE_SLOTS_MIN = 64;

/** Words before the set in a record: hash, state, first word of the window, words in the window. */
const HEADER_WORDS = 4;

/** A set of operations with the state they led to. */
export interface Configuration {
  /** The state. */
  readonly state: number;
  /** A hash of the two sets, kept incrementally by the caller. */
  readonly hash: number;
  /** Bit set of the definite operations; all bits below the window are set, all above are clear. */
  readonly definite: Uint32Array;
  /** The window within `definite`, in words: first, and one past the last. */
  readonly firstWord: number;
  readonly endWord: number;
  /** Bit set of the indeterminate operations. */
  readonly indeterminate: Uint32Array;
}

/**
 * The configurations a search has seen. Sets are compared in full, never by hash alone: taking one set for another
 * would call a legal history illegal. Records lie end to end in one array; an open-addressed table points into it.
 */
export class ConfigurationCache {
  #arena = new Uint32Array(ARENA_WORDS_MIN);
  #used = 1;
  #table = new Uint32Array(TABLE_SLOTS_MIN);
  #count = 0;

  /** How much memory the records and the table take, in 32-bit words. */
  get words(): number {
    return this.#used + this.#table.length;
  }

  /** Adds the configuration; false when it was there already. */
  add(configuration: Configuration): boolean {
    const hash = mix(configuration.hash, configuration.state);
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (let at = this.#table[slot] ?? 0; at !== 0; at = this.#table[slot] ?? 0) {
      if (this.#arena[at] === hash && this.#equals(at, configuration)) return false;
      slot = (slot + 1) & mask;
    }
    this.#table[slot] = this.#write(hash, configuration);
    this.#count += 1;
    // At most half full, so that probing stays short.
    if (this.#count * 2 > this.#table.length) this.#grow();
    return true;
  }

  #equals(at: number, c: Configuration): boolean {
    const arena = this.#arena;
    const size = c.endWord - c.firstWord;
    if (arena[at + 1] !== c.state >>> 0 || arena[at + 2] !== c.firstWord || arena[at + 3] !== size)
      return false;
    let from = at + HEADER_WORDS;
    for (let word = c.firstWord; word < c.endWord; word++) {
      if (arena[from++] !== c.definite[word]) return false;
    }
    for (let word = 0; word < c.indeterminate.length; word++) {
      if (arena[from++] !== c.indeterminate[word]) return false;
    }
    return true;
  }

  #write(hash: number, c: Configuration): number {
    const size = HEADER_WORDS + c.endWord - c.firstWord + c.indeterminate.length;
    if (this.#used + size > this.#arena.length) {
      const larger = new Uint32Array(Math.max(this.#arena.length * 2, this.#used + size));
      larger.set(this.#arena);
      this.#arena = larger;
    }
    const arena = this.#arena;
    const at = this.#used;
    arena[at] = hash;
    arena[at + 1] = c.state;
    arena[at + 2] = c.firstWord;
    arena[at + 3] = c.endWord - c.firstWord;
    let to = at + HEADER_WORDS;
    for (let word = c.firstWord; word < c.endWord; word++) arena[to++] = c.definite[word] ?? 0;
    for (let word = 0; word < c.indeterminate.length; word++) arena[to++] = c.indeterminate[word] ?? 0;
    this.#used = to;
    return at;
  }

  #grow(): void {
    const old = this.#table;
    const table = new Uint32Array(old.length * 2);
    const mask = table.length - 1;
    for (const at of old) {
      if (at === 0) continue;
      let slot = (this.#arena[at] ?? 0) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = at;
    }
    this.#table = table;
  }
}

function mix(hash: number, state: number): number {
  let h = hash ^ Math.imul(state + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A hash of one operation; the exclusive or over a set's operations is the set's hash. */
export function operationHash(op: number): number {
  return mix(0x51ed270b, op);
}
