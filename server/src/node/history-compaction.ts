import { bounds } from "../config.js";
import { HistoryAges } from "./history-ages.js";

/** How much more history than is to be kept piles up before it is compacted. */
const SLACK = 1.1;

/** What compaction looks at. */
export interface HistoryState {
  readonly revision: number;
  readonly compactedRevision: number;
  /** Bytes that everything retained takes, history included. */
  readonly spaceBytes: number;
  /** How many of them are history. */
  readonly historyBytes: number;
  /** How many there may be, 0 for any number. */
  readonly spaceBytesMax: number;
  /** The revision at which a put was last refused for want of space that history takes, 0 for none that is known. */
  readonly curableRefusalRevision: number;
}

/** How much history is kept. */
export interface HistoryRetention {
  readonly historyRevisionsKept: number;
  /** Milliseconds; 0 for no bound. */
  readonly historyKeptMs: number;
}

/**
 * Decides, at the leader, up to where history is to be forgotten: beyond so many revisions, beyond so long ago, and
 * earlier when the space runs out, since history is worth less than writes. What it says is only a proposal: nodes
 * compact when that is applied, all at the same place of the log.
 */
export class HistoryCompaction {
  private readonly retention: HistoryRetention;
  private readonly ages: HistoryAges;

  constructor(retention: HistoryRetention) {
    this.retention = retention;
    this.ages = new HistoryAges(retention.historyKeptMs);
  }

  /** The revision to compact at now; undefined when there is nothing to do. To be asked by a leader, again and again. */
  due(nowMs: number, state: HistoryState): number | undefined {
    const { revision, compactedRevision } = state;
    let target = Math.max(this.byCount(state), bySpace(state), byRefusal(state));
    if (this.retention.historyKeptMs !== 0) {
      this.ages.note(nowMs, revision);
      target = Math.max(target, this.ages.oldRevision(nowMs));
    }
    return target > compactedRevision ? target : undefined;
  }

  /** Leader or term changed. */
  leaderChanged(): void {
    this.ages.clear();
  }

  private byCount({ revision, compactedRevision }: HistoryState): number {
    const kept = this.retention.historyRevisionsKept;
    return revision - compactedRevision < kept * SLACK ? 0 : revision - kept;
  }
}

/**
 * All of it for a put that it kept out, however small its share: the next try is to succeed.
 *
 * Invariant: it is due from the refusal on until a compaction at its revision or a later one is applied, whoever leads.
 * So one that is lost is due again, one that was applied is not, and neither is one that would free nothing.
 */
function byRefusal({ revision, compactedRevision, curableRefusalRevision }: HistoryState): number {
  return curableRefusalRevision > compactedRevision ? revision : 0;
}

/** The older half of the history when the space begins to run out, all of it when it has. */
function bySpace({ revision, compactedRevision, ...state }: HistoryState): number {
  const { spaceBytes, historyBytes, spaceBytesMax } = state;
  if (spaceBytesMax === 0 || historyBytes === 0) return 0;
  const used = spaceBytes / spaceBytesMax;
  if (used >= bounds.spaceFullRatio) return revision;
  const worthIt = historyBytes / spaceBytesMax >= 1 - bounds.spaceFullRatio;
  if (used < bounds.spaceTightRatio || !worthIt) return 0;
  return Math.ceil((compactedRevision + revision) / 2);
}
