import { type Key, subtreeEnd, subtreeStart } from "./key.js";
import { cursorAt } from "./key-cursor.js";
import type { Mvcc } from "./mvcc.js";

/** A part of a subtree, counted. */
export interface Measured {
  readonly keys: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  /** Where to go on; undefined when the subtree ends. */
  readonly next: Key | undefined;
}

/**
 * Counts up to `keysMax` keys of the subtree of `root`, itself included, as of a readable revision: from the beginning,
 * or from where the part before ended.
 */
export function measureSubtree(
  mvcc: Mvcc,
  root: Key,
  revision: number,
  from?: Key,
  keysMax = Number.POSITIVE_INFINITY,
): Measured {
  const end = subtreeEnd(root);
  const cursor = cursorAt(mvcc, revision);
  const own = from === undefined ? cursor.entry(root) : undefined;
  let keys = own === undefined ? 0 : 1;
  let bytes = own === undefined ? 0 : root.length + own.value.length;
  cursor.seek(from ?? subtreeStart(root));
  for (let key = cursor.key; key !== undefined && key < end; key = cursor.key) {
    if (keys >= keysMax) return { keys, bytes, next: key };
    keys += 1;
    bytes += key.length + (cursor.entry(key)?.value.length ?? 0);
    cursor.next();
  }
  return { keys, bytes, next: undefined };
}
