import type { Compare, Relation } from "./command.js";
import type { Entry } from "./entry.js";
import type { Mvcc } from "./mvcc.js";

/** Whether a compare holds now: for every key of its range, or for a missing key when the range is empty. */
export function holds(mvcc: Mvcc, compare: Compare): boolean {
  if (compare.end === undefined) return holdsFor(mvcc.get(compare.key), compare);
  const end = compare.end;
  const cursor = mvcc.live.seek(compare.key);
  let found = false;
  for (let key = cursor.key; key !== undefined && (end === "" || key < end); key = cursor.key) {
    if (!holdsFor(mvcc.get(key), compare)) return false;
    found = true;
    cursor.next();
  }
  return found || holdsFor(undefined, compare);
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
