import type { Range } from "./command.js";
import { withoutValue } from "./entry.js";
import type { Key } from "./key.js";
import { subtreeEnd, subtreeStart } from "./key.js";
import { cursorAt, type KeyCursor } from "./key-cursor.js";
import type { Mvcc } from "./mvcc.js";
import type { RangeEntry, RangeResult } from "./result.js";

const slash = 0x2f;

/**
 * Reads the direct children of `directory` ("<path>/"), in the order of their names. Subtrees are skipped by seeking,
 * so the cost follows the number of children, not of keys below them. A page goes on with `range.key` set to the last
 * child's key and a zero byte.
 */
export function readChildren(mvcc: Mvcc, range: Range, directory: Key, revision: number): RangeResult {
  const cursor = cursorAt(mvcc, revision);
  const names = new ChildNames(cursor, directory, range.key.slice(directory.length));
  const entries: RangeEntry[] = [];
  let count = 0;
  let more = false;
  for (let name = names.next(); name !== undefined; name = names.next()) {
    if (range.limit !== 0 && count === range.limit) {
      more = !range.countOnly;
      break;
    }
    count += 1;
    if (range.countOnly) continue;
    const key = directory + name;
    const entry = cursor.entry(key);
    entries.push({
      key,
      entry: entry === undefined || !range.keysOnly ? entry : withoutValue(entry),
      childCount: countChildren(cursor, key),
    });
  }
  return { kind: "range", revision: mvcc.revision, entries, more, count };
}

/**
 * The names of a directory's children, in order. Key order is not quite name order: with "a", "a-b" and "a/c" the
 * subtree of "a" comes after "a-b", since "-" sorts before "/". So a pure directory can hide behind a key that has its
 * name as a prefix, and is looked for there.
 */
class ChildNames {
  readonly #cursor: KeyCursor;
  readonly #directory: Key;
  readonly #end: Key;
  // Names below this one are done: they were returned, or belong to an earlier page.
  #lowest: string;

  constructor(cursor: KeyCursor, directory: Key, lowest: string) {
    this.#cursor = cursor;
    this.#directory = directory;
    this.#end = subtreeEnd(directory.slice(0, -1));
    this.#lowest = lowest;
  }

  next(): string | undefined {
    const cursor = this.#cursor;
    const base = this.#directory.length;
    cursor.seek(this.#directory + this.#lowest);
    for (let key = cursor.key; key !== undefined && key < this.#end; key = cursor.key) {
      const end = key.indexOf("/", base);
      const name = end < 0 ? key.slice(base) : key.slice(base, end);
      if (name >= this.#lowest) {
        const found = this.#hiddenBefore(name) ?? name;
        this.#lowest = `${found}\0`;
        return found;
      }
      cursor.seek(subtreeEnd(this.#directory + name));
    }
    return undefined;
  }

  /** The first pure directory that sorts before `name` and not before the lowest name still due. */
  #hiddenBefore(name: string): string | undefined {
    for (let length = 1; length < name.length; length += 1) {
      if (name.charCodeAt(length) >= slash) continue;
      const prefix = name.slice(0, length);
      if (prefix < this.#lowest) continue;
      this.#cursor.seek(subtreeStart(this.#directory + prefix));
      const key = this.#cursor.key;
      if (key !== undefined && key < subtreeEnd(this.#directory + prefix)) return prefix;
    }
    return undefined;
  }
}

/** How many direct children `key` has. */
function countChildren(cursor: KeyCursor, key: Key): number {
  const directory = subtreeStart(key);
  const directoryEnd = subtreeEnd(key);
  let count = 0;
  cursor.seek(directory);
  for (let below = cursor.key; below !== undefined && below < directoryEnd; below = cursor.key) {
    const end = below.indexOf("/", directory.length);
    if (end < 0) {
      count += 1;
      cursor.next();
      continue;
    }
    const child = below.slice(0, end);
    // A child with an entry of its own was counted at that entry.
    if (!cursor.exists(child)) count += 1;
    cursor.seek(subtreeEnd(child));
  }
  return count;
}
