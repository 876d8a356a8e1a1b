import { sequentialDigits } from "./limits.js";

/**
 * A key of the flat store: bytes, held as a string of one code unit (0 to 255) a byte, so that string order is byte
 * order and a Map can hold it. An ASCII path is its own key.
 */
export type Key = string;

/** The first key of the subtree below `key`: everything from here to `subtreeEnd(key)` is below it. */
export function subtreeStart(key: Key): Key {
  return `${key}/`;
}

/** The first key past the subtree below `key`: "0" is the byte after "/". */
export function subtreeEnd(key: Key): Key {
  return `${key}0`;
}

/** The key of a sequential put of `prefix` made at `revision`. */
export function sequentialKey(prefix: Key, revision: number): Key {
  return `${prefix}/${String(revision).padStart(sequentialDigits, "0")}`;
}
