import type { Key } from "./key.js";

/** One version of a key. Immutable: a change makes a new one. */
export interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0 for none. */
  readonly lease: number;
  /** The value was left out of a result that had no room for it. Never of an entry in the store. */
  readonly valueOmitted?: true;
}

const noValue = new Uint8Array(0);

/** The entry with an empty value. */
export function withoutValue(entry: Entry): Entry {
  return { ...entry, value: noValue };
}

/** One change of one key: a row of the history. */
export interface Change {
  /** Number of the change, from 1: one more for each change of each key, without gaps. */
  readonly seq: number;
  readonly revision: number;
  readonly key: Key;
  /** The entry as the change left it; undefined for a delete. */
  readonly entry: Entry | undefined;
  /** The entry before the change; undefined when there was none, or when read back from disk. */
  readonly previous: Entry | undefined;
}

/** Reads versions that are no longer in memory. Declared here, implemented by the storage. */
export interface HistoryReader {
  /** The change of that number; undefined when it was compacted. */
  change(seq: number): Change | undefined;
}
