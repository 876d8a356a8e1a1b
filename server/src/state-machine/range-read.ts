import { readChildren } from "./children-read.js";
import type { KeyRange, Range } from "./command.js";
import { type Entry, withoutValue } from "./entry.js";
import type { Key } from "./key.js";
import { cursorAt } from "./key-cursor.js";
import type { Mvcc } from "./mvcc.js";
import { refuse } from "./refusal.js";
import type { ErrorResult, RangeEntry, RangeResult } from "./result.js";

/**
 * Whether `revision` can be read: INVALID_ARGUMENT below 0, COMPACTED below the compacted revision, FUTURE_REVISION
 * above the current one. 0 stands for the current one.
 */
export function checkRevision(mvcc: Mvcc, revision: number): ErrorResult | undefined {
  if (revision === 0) return undefined;
  if (revision < 0) return refuse("INVALID_ARGUMENT", "the revision must not be negative");
  if (revision > mvcc.revision) {
    return refuse("FUTURE_REVISION", `revision ${revision} has not happened yet`, mvcc.revision);
  }
  if (revision < mvcc.compactedRevision) {
    return refuse("COMPACTED", `revision ${revision} was compacted`, mvcc.compactedRevision);
  }
  return undefined;
}

/** Reads a range whose revision was checked. */
export function readRange(mvcc: Mvcc, range: Range): RangeResult {
  const revision = range.revision === 0 ? mvcc.revision : range.revision;
  if (range.childrenOf !== undefined) return readChildren(mvcc, range, range.childrenOf, revision);
  if (range.end === undefined) return readKey(mvcc, range, revision);
  return readFlat(mvcc, range, range.end, revision);
}

function readKey(mvcc: Mvcc, range: Range, revision: number): RangeResult {
  const entry = revision === mvcc.revision ? mvcc.get(range.key) : mvcc.getAt(range.key, revision);
  const count = entry === undefined ? 0 : 1;
  const entries = entry === undefined || range.countOnly ? [] : [rangeEntry(entry, range.keysOnly)];
  return { kind: "range", revision: mvcc.revision, entries, more: false, count };
}

function readFlat(mvcc: Mvcc, range: Range, end: Key, revision: number): RangeResult {
  const current = revision === mvcc.revision;
  const entries: RangeEntry[] = [];
  let count = 0;
  let cut = false;
  if (current && range.countOnly) {
    count = mvcc.live.count(range.key, end);
  } else {
    const cursor = cursorAt(mvcc, revision);
    cursor.seek(range.key);
    for (let key = cursor.key; key !== undefined && (end === "" || key < end); key = cursor.key) {
      if (!range.countOnly && (range.limit === 0 || count < range.limit)) {
        const entry = cursor.entry(key);
        if (entry !== undefined) entries.push(rangeEntry(entry, range.keysOnly));
      } else if (range.uncounted === true && !range.countOnly) {
        cut = true;
        break;
      } else if (current) {
        // Past the limit only the count matters, and of the present the index knows it.
        count += mvcc.live.count(key, end);
        break;
      }
      count += 1;
      cursor.next();
    }
  }
  const more = cut || (!range.countOnly && count > entries.length);
  return { kind: "range", revision: mvcc.revision, entries, more, count };
}

/** An entry as a flat range returns it. */
function rangeEntry(entry: Entry, keysOnly: boolean): RangeEntry {
  return { key: entry.key, entry: keysOnly ? withoutValue(entry) : entry, childCount: 0 };
}

/** The keys that exist now in a range, in order. */
export function keysIn(mvcc: Mvcc, range: KeyRange): Key[] {
  const { key: from, end } = range;
  if (end === undefined) return mvcc.get(from) === undefined ? [] : [from];
  const keys: Key[] = [];
  const cursor = mvcc.live.seek(from);
  for (let key = cursor.key; key !== undefined && (end === "" || key < end); key = cursor.key) {
    keys.push(key);
    cursor.next();
  }
  return keys;
}
