import { bounds } from "../config.js";
import type { Raft } from "../raft/index.js";
import type { CommandBody } from "../state-machine/index.js";
import type { LogStore } from "../storage/log-store.js";
import { COMMAND_FORMAT } from "./command-codec-format.js";
import type { NodeOptions } from "./node.js";
import type { SnapshotSender } from "./snapshot-sender.js";
import type { StateKeeper } from "./state-keeper.js";

/** How many times the usual log is kept at most, while a snapshot is on its way. */
const HELD_LOGS_MAX = 10;
/** How much more history than is to be kept piles up before it is compacted. */
const COMPACTION_SLACK = 1.1;
/** Milliseconds between two attempts to tell the cluster how to reach this node. */
const INTRODUCTION_INTERVAL_MS = 1_000;

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

/** What has to be done from time to time: the state written to disk, the log cut, history compacted, the node named. */
export class Upkeep {
  private readonly parts: UpkeepParts;
  private nextFlushMs = 0;
  private nextIntroductionMs = 0;
  private compactionProposed = false;

  constructor(parts: UpkeepParts) {
    this.parts = parts;
  }

  tick(nowMs: number): void {
    if (nowMs >= this.nextFlushMs) {
      this.nextFlushMs = nowMs + bounds.flushIntervalMs;
      this.flush();
      this.compactHistory();
    }
    if (nowMs >= this.nextIntroductionMs) {
      this.nextIntroductionMs = nowMs + INTRODUCTION_INTERVAL_MS;
      this.introduce();
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
    const { state, log, raft, sender, options } = this.parts;
    state.flush();
    const { durableIndex } = state;
    // A follower that is being sent a snapshot needs what comes after it; but not whatever it costs.
    const held = Math.max(sender.heldIndex, durableIndex - HELD_LOGS_MAX * options.logEntriesKept);
    const cut = Math.min(durableIndex - options.logEntriesKept, held);
    if (cut > log.start().index) raft.cut(log.cutTo(cut));
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

  /** Tells the cluster how to reach this node, until the cluster knows. */
  private introduce(): void {
    const { state, raft, options, submit } = this.parts;
    if (raft.leader === 0) return;
    const { id, name, peerAddress, clientEndpoint } = options;
    const known = state.machine.members().find((member) => member.memberId === id);
    if (
      known?.name === name &&
      known.peerAddress === peerAddress &&
      known.clientEndpoint === clientEndpoint &&
      known.format === COMMAND_FORMAT
    ) {
      return;
    }
    submit(
      { kind: "member", memberId: id, name, peerAddress, clientEndpoint, format: COMMAND_FORMAT },
      () => undefined,
    );
  }
}
