import type { LogEntry } from "../../../server/src/raft/index.js";
import type { Applied, Command } from "../../../server/src/state-machine/index.js";
import { effectsOf } from "./command-effect.js";
import type { ElectionSafety } from "./election-safety.js";
import { EqualState } from "./equal-state.js";
import { ExactlyOnce } from "./exactly-once.js";
import { Fencing } from "./fencing.js";
import { LeaseKeys } from "./lease-keys.js";
import { type LeaseBounds, LeaseTimes } from "./lease-times.js";
import { OwnershipQueues } from "./ownership-queue.js";
import { QueueEntries } from "./queue-entries.js";
import { ReferenceHistory } from "./reference-history.js";
import { checkStateMachineSafety } from "./state-machine-safety.js";
import { violated } from "./violation.js";

/**
 * The invariants of what is applied. The first node to apply an entry makes the reference history, and is held to what
 * commands may do; every other node is held to the first.
 */
export class AppliedChecks {
  readonly history = new ReferenceHistory();
  readonly equalState = new EqualState();
  readonly exactlyOnce = new ExactlyOnce();
  readonly queues = new OwnershipQueues(this.history.live);
  readonly queueEntries = new QueueEntries();
  readonly fencing = new Fencing(this.queues);
  readonly leases: LeaseTimes;
  readonly #leaseKeys = new LeaseKeys();

  constructor(bounds: LeaseBounds, elections: ElectionSafety) {
    this.leases = new LeaseTimes(bounds, elections);
  }

  /** A node applied an entry. */
  applied(
    nodeId: number,
    entry: LogEntry,
    commands: readonly Command[],
    outcome: Applied,
    compactedRevision: number,
    trueMs: number,
  ): void {
    const first = this.history.entry(entry.index);
    if (first !== undefined) {
      checkStateMachineSafety(nodeId, first.entry, entry);
      this.equalState.checkOutcome(nodeId, entry.index, first.outcome, outcome);
      return;
    }
    if (entry.index !== this.history.index + 1) {
      violated("SMS", `node ${nodeId} applies entry ${entry.index}, and nobody applied the one before it`, {
        node: nodeId,
        index: entry.index,
        applied: this.history.index,
      });
    }
    this.#first(entry, commands, outcome, trueMs);
    this.history.addEntry(entry, outcome, compactedRevision, trueMs);
  }

  /** The commands take effect one after the other, and each is held to the state right before it. */
  #first(entry: LogEntry, commands: readonly Command[], outcome: Applied, trueMs: number): void {
    const { history, leases, queues } = this;
    const alive = (lease: number): boolean => leases.alive(lease);
    for (const effect of effectsOf(commands, outcome, history.revision)) {
      const repeated = this.exactlyOnce.applied(effect, leases.sessionAlive(effect.command.sessionId));
      if (!repeated) {
        this.fencing.check(effect, trueMs);
        leases.applied(effect, entry, trueMs);
      }
      history.addChanges(effect.changes, trueMs);
      this.#leaseKeys.changed(effect.changes, alive);
      this.queueEntries.changed(effect.changes, trueMs);
      queues.changed(effect.changes, trueMs);
    }
    leases.settle(entry, outcome);
    this.#leaseKeys.ended(outcome.leasesEnded, alive);
  }
}
