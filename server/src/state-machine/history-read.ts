import type { Change } from "./entry.js";
import type { Key } from "./key.js";
import type { Mvcc } from "./mvcc.js";
import { checkRevision } from "./range-read.js";
import { refuse } from "./refusal.js";
import type { ErrorResult } from "./result.js";

/** Which changes of a key: those of revisions from `from` to `to`, both included. */
export interface HistoryRange {
  readonly key: Key;
  /** 0 for the oldest change that is retained. */
  readonly from: number;
  /** 0 for the current revision. */
  readonly to: number;
}

/**
 * The changes of one key, oldest first, without `previous`. They are fetched as they are walked, before any further
 * change of the store. COMPACTED when some of the range are compacted away, FUTURE_REVISION when it ends in the future.
 */
export function readHistory(mvcc: Mvcc, { key, from, to }: HistoryRange): Iterable<Change> | ErrorResult {
  const last = to === 0 ? mvcc.revision : to;
  const refusal = checkRevision(mvcc, to === 0 ? 0 : last);
  if (refusal !== undefined) return refusal;
  if (from < 0) return refuse("INVALID_ARGUMENT", "the revision must not be negative");
  if (from !== 0 && from < mvcc.compactedRevision) return checkRevision(mvcc, from) ?? [];
  return mvcc.changesOf(key, from, last);
}
