import { type Entry, withoutValue } from "./entry.js";
import { resultBytesMax } from "./limits.js";
import type { DeleteResult, RangeEntry, Result } from "./result.js";

/** What a result takes besides keys, values and texts, in bytes: its numbers and the objects that hold it. */
const overheadBytes = 64;
/** What a refusal takes, text and all. */
const errorBytes = 256;

/** About how many bytes a result takes where a session keeps it. Replicated: the same on every node, for ever. */
export function resultBytes(result: Result): number {
  switch (result.kind) {
    case "error":
      // Not by its text: that may be worded otherwise in another version, and every node must count alike.
      return errorBytes;
    case "put":
      return overheadBytes + result.key.length + entryBytes(result.previous);
    case "delete":
      return result.previous.reduce((sum, entry) => sum + entryBytes(entry), overheadBytes);
    case "range":
      return result.entries.reduce((sum, node) => sum + nodeBytes(node), overheadBytes);
    case "txn":
      return result.results.reduce((sum, part) => sum + resultBytes(part), overheadBytes);
    case "grant":
    case "done":
      return overheadBytes;
  }
}

/**
 * The result itself, or when it is larger than one answer may be, what an answer has room for: the same cut that the API
 * describes, made here already, so that a session does not keep what nobody can be told.
 */
export function boundedResult(result: Result, bytesMax: number = resultBytesMax): Result {
  return resultBytes(result) <= bytesMax ? result : cut(result, { leftBytes: bytesMax });
}

interface Room {
  leftBytes: number;
}

function cut(result: Result, room: Room): Result {
  switch (result.kind) {
    case "put":
      return { ...result, previous: result.previous && cutEntry(result.previous, room) };
    case "delete":
      return { ...result, previous: cutDeleted(result, room) };
    case "range": {
      const entries: RangeEntry[] = [];
      for (const node of result.entries) {
        const fits = take(room, nodeBytes(node));
        // Without a first one there would be no key to go on after.
        if (!fits && entries.length > 0) break;
        const entry = fits ? node.entry : node.entry && omitted(node.entry);
        entries.push({ ...node, entry });
        if (!fits) break;
      }
      return { ...result, entries, more: result.more || entries.length < result.entries.length };
    }
    case "txn":
      return { ...result, results: result.results.map((part) => cut(part, room)) };
    case "error":
    case "grant":
    case "done":
      return result;
  }
}

function cutDeleted({ previous }: DeleteResult, room: Room): Entry[] {
  const kept: Entry[] = [];
  for (const entry of previous) {
    if (take(room, entryBytes(entry))) kept.push(entry);
    else {
      if (kept.length === 0) kept.push(omitted(entry));
      break;
    }
  }
  return kept;
}

function cutEntry(entry: Entry, room: Room): Entry {
  return take(room, entryBytes(entry)) ? entry : omitted(entry);
}

function omitted(entry: Entry): Entry {
  return entry.value.length === 0 ? entry : { ...withoutValue(entry), valueOmitted: true };
}

function take(room: Room, bytes: number): boolean {
  if (bytes > room.leftBytes) return false;
  room.leftBytes -= bytes;
  return true;
}

function entryBytes(entry: Entry | undefined): number {
  return entry === undefined ? 0 : overheadBytes + entry.key.length + entry.value.length;
}

/** The key of a node travels beside its entry, which has it too. */
function nodeBytes({ key, entry }: RangeEntry): number {
  return overheadBytes + 2 * key.length + (entry === undefined ? 0 : entry.value.length);
}
