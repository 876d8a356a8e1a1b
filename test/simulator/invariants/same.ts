import type { Change, Entry, Result } from "../../../server/src/state-machine/index.js";
import type { EntrySeen } from "../observation.js";

/** Whether two versions of one key are the same. */
export function sameEntry(left: Entry | undefined, right: Entry | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined) return false;
  return left.key === right.key && sameFields(left, right);
}

/** Whether a client saw this very version. Paths are ASCII in a simulation, so that they are their keys. */
export function sameSeen(entry: Entry | undefined, seen: EntrySeen | undefined): boolean {
  if (entry === undefined || seen === undefined) return entry === undefined && seen === undefined;
  return entry.key === seen.path && sameFields(entry, seen);
}

function sameFields(left: Omit<Entry, "key">, right: Omit<Entry, "key">): boolean {
  return (
    left.modRevision === right.modRevision &&
    left.createRevision === right.createRevision &&
    left.version === right.version &&
    left.lease === right.lease &&
    Buffer.compare(left.value, right.value) === 0
  );
}

/** Whether two changes are the same; one read back from disk may lack the entry before. */
export function sameChange(left: Change, right: Change): boolean {
  return (
    left.seq === right.seq &&
    left.revision === right.revision &&
    left.key === right.key &&
    sameEntry(left.entry, right.entry)
  );
}

/** Whether two results of one command say the same, as far as a session remembers them. */
export function sameResult(left: Result, right: Result): boolean {
  if (left === right) return true;
  if (left.kind !== right.kind) return false;
  if (left.kind === "error") return right.kind === "error" && left.code === right.code;
  if (left.kind === "grant") return right.kind === "grant" && left.lease === right.lease;
  if (left.kind === "txn" && (right.kind !== "txn" || left.succeeded !== right.succeeded)) return false;
  return revisionOf(left) === revisionOf(right);
}

/** The revision that a result carries; undefined for one without, or a refusal. */
export function revisionOf(result: Result): number | undefined {
  switch (result.kind) {
    case "error":
    case "grant":
      return undefined;
    case "put":
    case "delete":
    case "txn":
    case "range":
    case "done":
      return result.revision;
  }
}
