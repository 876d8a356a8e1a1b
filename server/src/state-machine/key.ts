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

/** The key as a message for people shows it: the path that its bytes spell, when they are UTF-8. */
export function shownKey(key: Key): string {
  const escaped = key.replace(/[%\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  try {
    return decodeURIComponent(escaped);
  } catch {
    return key;
  }
}

/** The key of a sequential put of `prefix` made at `revision`. */
export function sequentialKey(prefix: Key, revision: number): Key {
  return `${prefix}/${String(revision).padStart(sequentialDigits, "0")}`;
}
