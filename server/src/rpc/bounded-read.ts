import type { ErrorResult, Range, RangeEntry, RangeResult, StateMachine } from "../state-machine/index.js";
import { ENTRY_OVERHEAD_BYTES } from "./answer-room.js";

/** Entries fetched first: even if all are as large as a value may be, they fit in memory. */
const FIRST_FETCH = 16;
/** By how much the next fetch may be larger, given that the ones before did not use up the bytes. */
const FETCH_GROWTH = 4;

/**
 * Reads a range up to about `bytesMax` of keys and values, but one entry at least: `more` says whether that, or the
 * range's own limit, cut it. Fetches little by little, since old versions are copied from disk. `range.limit` must not
 * be 0.
 */
export function readBounded(
  machine: Pick<StateMachine, "read">,
  range: Range,
  bytesMax: number,
): RangeResult | ErrorResult {
  const entries: RangeEntry[] = [];
  let bytes = 0;
  for (let fetch = FIRST_FETCH, key = range.key; ; fetch *= FETCH_GROWTH) {
    const limit = Math.min(fetch, range.limit - entries.length);
    const page = machine.read({ ...range, key, limit, uncounted: true });
    if (page.kind === "error") return page;
    for (const entry of page.entries) {
      bytes += bytesOf(entry);
      if (bytes > bytesMax && entries.length > 0) return { ...page, entries, more: true };
      entries.push(entry);
    }
    const last = entries[entries.length - 1];
    if (!page.more || last === undefined || entries.length >= range.limit) return { ...page, entries };
    key = `${last.key}\0`;
  }
}

/** Bytes of an entry or child in a message. */
export function bytesOf({ key, entry }: RangeEntry): number {
  return 2 * key.length + (entry?.value.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
