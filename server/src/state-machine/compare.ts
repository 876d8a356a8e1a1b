import type { Compare, Relation } from "./command.js";
import type { Entry } from "./entry.js";
import { type Key, subtreeEnd, subtreeStart } from "./key.js";
import type { Mvcc } from "./mvcc.js";

/**
 * Whether a compare holds now: for every key it covers, or for a missing key when none of them exists.
 *
 * Invariant: the subtree of a key is the key and what begins with it and a slash. It is no one range: siblings such as
 * "/a-b" and "/a.b" sort between "/a" and "/a/".
 */
export function holds(mvcc: Mvcc, compare: Compare): boolean {
  const { key, end, subtree } = compare;
  if (end !== undefined) return holdsForAll(mvcc, compare, key, end) ?? holdsFor(undefined, compare);
  const own = mvcc.get(key);
  if (!subtree) return holdsFor(own, compare);
  if (own !== undefined && !holdsFor(own, compare)) return false;
  const below = holdsForAll(mvcc, compare, subtreeStart(key), subtreeEnd(key));
  return below ?? holdsFor(own, compare);
}

/** Whether it holds for every key from `from` on and before `end`, "" for no end; undefined when there is none. */
function holdsForAll(mvcc: Mvcc, compare: Compare, from: Key, end: Key): boolean | undefined {
  const cursor = mvcc.live.seek(from);
  let found: true | undefined;
  for (let key = cursor.key; key !== undefined && (end === "" || key < end); key = cursor.key) {
    if (!holdsFor(mvcc.get(key), compare)) return false;
    found = true;
    cursor.next();
  }
  return found;
}

function holdsFor(entry: Entry | undefined, compare: Compare): boolean {
  const target = compare.target;
  switch (target.kind) {
    case "value":
      // There is no value a missing key could be compared with, so even "not equal" fails.
      return entry !== undefined && related(compareBytes(entry.value, target.value), compare.relation);
    case "version":
    case "createRevision":
    case "modRevision":
    case "lease":
      return related((entry === undefined ? 0 : entry[target.kind]) - target.number, compare.relation);
  }
}

function related(difference: number, relation: Relation): boolean {
  switch (relation) {
    case "equal":
      return difference === 0;
    case "notEqual":
      return difference !== 0;
    case "less":
      return difference < 0;
    case "greater":
      return difference > 0;
  }
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
