import { bounds } from "../../../server/src/config.js";
import type { Random } from "../world/random.js";

/** The bounds as they are in production: a run changes them for itself, in the thread that other runs come after. */
export const productionBounds = { ...bounds };

/** Bounds of the server that no run of seconds would reach, and what each run takes instead. */
export interface DrawnBounds {
  readonly appendInFlightMax: number;
  readonly watchReplyBytesMax: number;
  readonly logCacheBytesMax: number;
  readonly applyBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly snapshotCatchUpMs: number;
  readonly snapshotVerifiedChangesMax: number;
  readonly logSegmentBytes: number;
}

/** Any number that no other fork of the options' source has. */
const SEGMENT_SALT = 2;

/** Each small or as in production: what waits, what is split, what is read back from disk and what is refused. */
export function drawBounds(random: Random): DrawnBounds {
  const {
    appendInFlightMax,
    watchReplyBytesMax,
    logCacheBytesMax,
    applyBytesMax,
    uncommittedBytesMax,
    snapshotCatchUpMs,
    snapshotVerifiedChangesMax,
  } = productionBounds;
  return {
    appendInFlightMax: random.pick([2, 8, appendInFlightMax]),
    watchReplyBytesMax: random.pick([200, watchReplyBytesMax]),
    logCacheBytesMax: random.pick([500, logCacheBytesMax]),
    applyBytesMax: random.pick([1, applyBytesMax]),
    uncommittedBytesMax: random.pick([1_000, uncommittedBytesMax, uncommittedBytesMax]),
    snapshotCatchUpMs: random.pick([500, snapshotCatchUpMs]),
    snapshotVerifiedChangesMax: random.pick([1, snapshotVerifiedChangesMax]),
    // Not as in production: every start of a node would fill so much memory.
    logSegmentBytes: random.fork(SEGMENT_SALT).pick([2_048, 8_192, 65_536]),
  };
}

/** So small that a run of seconds reaches them, whatever else it draws. */
const smallBounds = {
  logEntriesKeptMin: 1,
  logEntriesHeldMin: 1,
  logBytesKeptMin: 1,
  historyRevisionsKeptMin: 1,
  spaceBytesMaxMin: 1,
  snapshotChunkBytesMax: 2_048,
};

/** Sets the bounds of every server that is started from now on. */
export function setBounds(
  drawn: DrawnBounds & { readonly appendBytesMax: number; readonly pendingReadsMax: number },
): void {
  Object.assign(bounds, productionBounds, smallBounds, drawn);
}
