import { bounds } from "../config.js";
import type { Raft } from "../raft/index.js";
import type { CommandBody } from "../state-machine/index.js";
import type { LogStore } from "../storage/log-store.js";
import { cutIndex } from "./log-retention.js";
import type { NodeOptions } from "./node-options.js";
import type { SnapshotSender } from "./snapshot-sender.js";
import type { StateKeeper } from "./state-keeper.js";

/** How much more history than is to be kept piles up before it is compacted. */
const COMPACTION_SLACK = 1.1;

/** What upkeep works on. */
export interface UpkeepParts {
  readonly options: NodeOptions;
  readonly raft: Raft;
  readonly log: LogStore;
  readonly state: StateKeeper;
  readonly sender: SnapshotSender;
  /** Hands a mutation to the cluster; `ended` is called when it was applied or failed. */
  readonly submit: (body: CommandBody, ended: () => void) => void;
}

/** What has to be done from time to time: the state written to disk, the log cut, history compacted. */
export class Upkeep {
  private readonly parts: UpkeepParts;
  private nextFlushMs = 0;
  private compactionProposed = false;
  /** The last cut ended at its bound, before it was where it should be. */
  private cutUnfinished = false;

  constructor(parts: UpkeepParts) {
    this.parts = parts;
  }

  tick(nowMs: number): void {
    this.parts.sender.tick(nowMs);
    if (nowMs >= this.nextFlushMs) {
      this.nextFlushMs = nowMs + bounds.flushIntervalMs;
      this.flush();
      this.compactHistory();
    } else if (this.cutUnfinished) {
      this.cutLog();
    }
  }

  /** So much has changed that the next flush should not wait for its time. */
  flushIfDue(): void {
    if (this.parts.state.flushDue) this.flush();
  }

  /** Leader or term changed: a proposal to compact may be lost. */
  leaderChanged(): void {
    this.compactionProposed = false;
  }

  /** Writes the state to disk and cuts the log behind it. */
  private flush(): void {
    this.parts.state.flush();
    this.cutLog();
  }

  private cutLog(): void {
    const { state, log, raft, sender, options } = this.parts;
    const cut = cutIndex(log, { durableIndex: state.durableIndex, heldIndex: sender.heldIndex }, options);
    if (cut > log.start().index) raft.cut(log.cutTo(cut));
    this.cutUnfinished = log.start().index < cut;
    sender.logStartsAt(log.start().index);
  }

  private compactHistory(): void {
    const { state, raft, options, submit } = this.parts;
    if (!raft.leadsUpToDate || this.compactionProposed) return;
    const { revision, compactedRevision } = state;
    if (revision - compactedRevision < options.historyRevisionsKept * COMPACTION_SLACK) return;
    this.compactionProposed = true;
    submit({ kind: "compact", revision: revision - options.historyRevisionsKept }, () => {
      this.compactionProposed = false;
    });
  }
}
