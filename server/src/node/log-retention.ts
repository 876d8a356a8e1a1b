import { bounds } from "../config.js";

/** How much of the log stays behind the durable state. */
export interface LogRetention {
  /** Entries kept for followers that were away for a while. */
  readonly logEntriesKept: number;
  /** Bytes of entries kept at most. */
  readonly logBytesKept: number;
}

/** What is known of the log and of who needs it. */
export interface LogNeeds {
  /** The index at which the state is durable: what comes after it is needed for a restart, whatever it costs. */
  readonly durableIndex: number;
  /** Index of a snapshot whose follower needs the log from there; infinite when there is none. */
  readonly heldIndex: number;
}

/** How many times the usual number of entries is kept for a follower that is being sent a snapshot, or the least there. */
const HELD_LOGS_MAX = 10;

/**
 * Up to where the log may be forgotten. Entries are kept for followers as far as the retention goes, and longer behind a
 * snapshot on its way; but the bound on bytes holds even then, since a disk that fills stops the node. A follower that
 * is left behind gets a snapshot, or another one.
 *
 * Invariant: never past the durable index, or a restart would find a hole between state and log.
 */
export function cutIndex(
  log: { startKeeping(bytesMax: number): number },
  { durableIndex, heldIndex }: LogNeeds,
  { logEntriesKept, logBytesKept }: LogRetention,
): number {
  // However few are kept otherwise: a transfer takes no shorter for it, and one that is overtaken begins again, for ever.
  const heldEntriesMax = Math.max(HELD_LOGS_MAX * logEntriesKept, bounds.logEntriesHeldMin);
  const held = Math.max(heldIndex, durableIndex - heldEntriesMax);
  const byEntries = Math.min(durableIndex - logEntriesKept, held);
  return Math.min(durableIndex, Math.max(byEntries, log.startKeeping(logBytesKept)));
}
