import type { Entry } from "./entry.js";
import type { Key } from "./key.js";

/** What the store holds of a key: its current version in full, and where its retained older versions are. */
export class KeyRecord {
  readonly key: Key;
  /** The current version; undefined when the key is deleted. */
  current: Entry | undefined;
  /** Revision of the last change, be it a put or a delete. */
  revision: number;
  /** Seq of the last change. */
  seq: number;
  /** Digest of `current`, kept so that replacing it need not read its value again. */
  hashA = 0;
  hashB = 0;
  // Pairs (revision, seq) of the older versions, oldest first; a negative seq marks a delete. Pairs before #head are
  // forgotten. Undefined for the many keys that have no older version.
  #older: number[] | undefined = undefined;
  #head = 0;

  constructor(key: Key) {
    this.key = key;
    this.current = undefined;
    this.revision = 0;
    this.seq = 0;
  }

  /** Makes the last change an older version, before a newer one takes its place. */
  supersede(): void {
    this.#older ??= [];
    this.#older.push(this.revision, this.current === undefined ? -this.seq : this.seq);
  }

  /** Forgets the oldest of the older versions and returns its seq; undefined when there is none. */
  forgetOldest(): number | undefined {
    const older = this.#older;
    const seq = older?.[this.#head + 1];
    if (older === undefined || seq === undefined) return undefined;
    this.#head += 2;
    if (this.#head === older.length) {
      this.#older = undefined;
      this.#head = 0;
    } else if (this.#head > 32 && this.#head > older.length / 2) {
      this.#older = older.slice(this.#head);
      this.#head = 0;
    }
    return Math.abs(seq);
  }

  /** Whether the key exists as of `revision`, which is not compacted. */
  existsAt(revision: number): boolean {
    return this.revision <= revision ? this.current !== undefined : this.olderSeqAt(revision) > 0;
  }

  /** The older versions from revision `from` to `to`, oldest first, as pairs (revision, seq); a negative seq marks a delete. */
  *olderBetween(from: number, to: number): Generator<readonly [number, number]> {
    const older = this.#older;
    if (older === undefined) return;
    for (let pair = this.#pairsUpTo(older, from - 1) * 2; pair < older.length; pair += 2) {
      const revision = older[pair] ?? 0;
      if (revision > to) return;
      yield [revision, older[pair + 1] ?? 0];
    }
  }

  /** Seq of the older version that stood at `revision`: negative for a delete, 0 when the key did not exist yet. */
  olderSeqAt(revision: number): number {
    const older = this.#older;
    if (older === undefined) return 0;
    const pairs = this.#pairsUpTo(older, revision);
    return pairs * 2 === this.#head ? 0 : (older[pairs * 2 - 1] ?? 0);
  }

  /** How many pairs, forgotten ones counted, have a revision at or before `revision`. */
  #pairsUpTo(older: readonly number[], revision: number): number {
    let low = this.#head >>> 1;
    let high = older.length >>> 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((older[middle * 2] ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
