import { bounds } from "../config.js";
import type { Raft } from "../raft/index.js";
import type { CommandBody } from "../state-machine/index.js";
import type { LogStore } from "../storage/log/log-store.js";
import { HistoryCompaction, type HistoryRetention } from "./history-compaction.js";
import { HistoryIdKeeper } from "./history-id-keeper.js";
import { freshHistoryId } from "./incarnation.js";
import { LimitsKeeper } from "./limits-keeper.js";
import { cutIndex, type LogRetention } from "./log-retention.js";
import type { NodeOptions } from "./node-options.js";
import type { SnapshotSender } from "./snapshot-sender.js";
import type { StateKeeper } from "./state-keeper.js";

/** What upkeep works on. */
export interface UpkeepParts {
  readonly options: Pick<NodeOptions, "spaceBytesMax" | keyof HistoryRetention | keyof LogRetention>;
  readonly raft: Pick<Raft, "leadsUpToDate" | "cut">;
  readonly log: Pick<LogStore, "start" | "startKeeping" | "cutTo">;
  readonly state: Pick<StateKeeper, "machine" | "durableIndex" | "flush" | "flushDue">;
  readonly sender: Pick<SnapshotSender, "heldIndex" | "logStartsAt" | "tick">;
  /** Whether every member understands commands of this format. */
  readonly understood: (format: number) => boolean;
  /** Hands a mutation to the cluster; `ended` is called when it was applied or failed. */
  readonly submit: (body: CommandBody, ended: () => void) => void;
}

/** What has to be done from time to time: the state written to disk, the log cut, history compacted. */
export class Upkeep {
  private readonly parts: UpkeepParts;
  private nextFlushMs = 0;
  private readonly compaction: HistoryCompaction;
  private readonly limits: LimitsKeeper;
  private readonly historyId: HistoryIdKeeper;
  private compactionProposed = false;

  constructor(parts: UpkeepParts) {
    this.parts = parts;
    const { options, state, understood, submit } = parts;
    this.compaction = new HistoryCompaction(options);
    this.limits = new LimitsKeeper({
      wanted: {
        spaceBytesMax: options.spaceBytesMax,
        sessionResultBytesMax: bounds.sessionResultBytesMax,
      },
      agreed: () => state.machine.limits,
      understood,
      submit,
    });
    this.historyId = new HistoryIdKeeper({
      known: () => state.machine.historyId,
      fresh: freshHistoryId,
      understood,
      submit,
    });
  }

  tick(nowMs: number): void {
    this.parts.sender.tick(nowMs);
    // At every tick: until there is an id, nothing that a client is told can be bound to the history.
    if (this.parts.raft.leadsUpToDate) this.historyId.tick();
    if (nowMs >= this.nextFlushMs) {
      this.nextFlushMs = nowMs + bounds.flushIntervalMs;
      this.flush();
      if (this.parts.raft.leadsUpToDate) this.lead(nowMs);
    }
  }

  /** So much has changed that the next flush should not wait for its time. */
  flushIfDue(): void {
    if (this.parts.state.flushDue) this.flush();
  }

  /** Leader or term changed: what was proposed may be lost. */
  leaderChanged(): void {
    this.compactionProposed = false;
    this.compaction.leaderChanged();
    this.limits.leaderChanged();
    this.historyId.leaderChanged();
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
    sender.logStartsAt(log.start().index);
  }

  /** What only a leader decides, for all nodes. */
  private lead(nowMs: number): void {
    this.limits.tick();
    if (this.compactionProposed) return;
    const { machine } = this.parts.state;
    const { revision, compactedRevision, spaceBytes, historyBytes, curableRefusalRevision } = machine;
    const { spaceBytesMax } = machine.limits;
    const due = this.compaction.due(nowMs, {
      ...{ revision, compactedRevision, spaceBytes, historyBytes, spaceBytesMax, curableRefusalRevision },
    });
    if (due === undefined) return;
    this.compactionProposed = true;
    this.parts.submit({ kind: "compact", revision: due }, () => {
      this.compactionProposed = false;
    });
  }
}
