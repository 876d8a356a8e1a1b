import type { AppliedChecks } from "../invariants/applied-checks.js";
import type { LeaseTimes } from "../invariants/lease-times.js";
import { LockWaits } from "../invariants/lock-waits.js";
import { MutualExclusion } from "../invariants/mutual-exclusion.js";
import type { ReferenceHistory } from "../invariants/reference-history.js";
import { SessionStates } from "../invariants/session-states.js";
import type { ClientEvent } from "../observation.js";
import { checkCode } from "./error-codes.js";
import { checkLinearizability, type LinearizabilitySummary } from "./linearizability.js";
import { OperationBook } from "./operation-book.js";
import { RevisionOrder } from "./revision-order.js";
import { WatchCheck } from "./watch-check.js";
import { checkWrittenValues } from "./written-values.js";

/** What the clients did. */
export interface ClientSummary {
  readonly operationsOk: number;
  readonly operationsFailed: number;
  readonly operationsUnknown: number;
  readonly watches: number;
  readonly watchEvents: number;
  /** Those that stood for changes which were compacted. */
  readonly watchEventsSynthesized: number;
  readonly watchMarks: number;
  readonly locksGranted: number;
  /** Waits that ended with FENCED, since their entries were deleted. */
  readonly lockWaitsFenced: number;
  readonly proclamations: number;
  readonly sessionsExpired: number;
  /** Undefined before the end. */
  readonly linearizability: LinearizabilitySummary | undefined;
  /** Paths that the search for linearizability took on, and those of them on which it was given up. */
  readonly paths: number;
  readonly pathsUndecided: number;
}

/** What the checks of a whole run need to know of it: see ObserverOptions. */
export interface ClientBounds {
  readonly partitionStepsMax: number;
  readonly watchServedMsMax: number;
}

/** The invariants of what clients see: operations, watches, leases, locks and sessions. */
export class ClientChecks {
  readonly #history: ReferenceHistory;
  readonly #leases: LeaseTimes;
  readonly #operations = new OperationBook();
  readonly #revisionOrder: RevisionOrder;
  readonly #watches = new Map<number, WatchCheck>();
  readonly #mutualExclusion: MutualExclusion;
  readonly #lockWaits: LockWaits;
  readonly #sessions = new SessionStates();
  #watchCount = 0;
  #eventCount = 0;
  #synthesizedCount = 0;
  #markCount = 0;
  #linearizability: LinearizabilitySummary | undefined;

  constructor({ history, leases, queues, queueEntries }: AppliedChecks) {
    this.#history = history;
    this.#leases = leases;
    this.#revisionOrder = new RevisionOrder(history);
    this.#mutualExclusion = new MutualExclusion(queues, (revision) => history.appliedMs(revision));
    this.#lockWaits = new LockWaits(queueEntries);
  }

  event(event: ClientEvent): void {
    checkCode(event);
    switch (event.kind) {
      case "invoked":
      case "failed":
      case "unknown":
        this.#operations.event(event, this.#history.revision);
        return;
      case "returned":
        this.#revisionOrder.check(this.#operations.event(event, this.#history.revision), event.answer);
        return;
      case "watchOpened":
        this.#watchCount += 1;
        this.#watches.set(event.watch, new WatchCheck(event, this.#history));
        return;
      case "watchDelivered":
        this.#eventCount += event.events.length;
        this.#synthesizedCount += event.events.filter(({ synthesized }) => synthesized).length;
        this.#watches.get(event.watch)?.delivered(event.events, event.trueMs);
        return;
      case "watchProgress":
        this.#markCount += 1;
        this.#watches.get(event.watch)?.progressed(event.revision);
        return;
      case "watchBookmark":
        this.#watches.get(event.watch)?.bookmarked(event.revision);
        return;
      case "watchEnded":
        this.#watches.get(event.watch)?.ended(event.code);
        this.#watches.delete(event.watch);
        return;
      case "leaseGranted":
      case "keepaliveAnswered":
      case "leaseLost":
      case "leaseRevoked":
      case "leaseLetGo":
        this.#leases.event(event);
        return;
      case "lockWaiting":
      case "lockGranted":
      case "lockLost":
      case "lockReleased":
      case "lockFailed":
      case "proclaimed":
        this.#mutualExclusion.event(event);
        this.#lockWaits.event(event);
        return;
      case "sessionState":
        this.#sessions.event(event);
        this.#leases.owns(event.client, event.session, event.trueMs);
        if (event.state === "closed") this.#leases.clientEnded(event.client, event.trueMs);
        return;
      case "killed":
        this.#leases.clientEnded(event.client, event.trueMs);
        this.#outOfReach(event.client);
        return;
      case "stranded":
        this.#outOfReach(event.client);
        return;
      case "resumed":
        this.#leases.clientResumed(event.client, event.trueMs);
        return;
      case "callFailed":
      case "sentinelOpened":
      case "sentinelHeard":
      case "sentinelEnded":
      case "paused":
        return;
    }
  }

  /** Nothing can be delivered to the client any more, nor told. */
  #outOfReach(client: string): void {
    this.#mutualExclusion.outOfReach(client);
    this.#lockWaits.outOfReach(client);
    for (const [id, watch] of this.#watches) if (watch.client === client) this.#watches.delete(id);
  }

  /** The checks that need all of a run; the search, which takes longest, comes last. */
  finish({ partitionStepsMax, watchServedMsMax }: ClientBounds, settledMs: number, trueMs: number): void {
    for (const watch of this.#watches.values()) watch.checkComplete(settledMs, watchServedMsMax);
    this.#mutualExclusion.finish(settledMs, trueMs);
    this.#lockWaits.finish(settledMs, trueMs);
    checkWrittenValues(this.#operations.all(), this.#history);
    this.#linearizability = checkLinearizability(this.#operations.all(), partitionStepsMax);
  }

  summary(): ClientSummary {
    return {
      operationsOk: this.#operations.count("ok"),
      operationsFailed: this.#operations.count("failed"),
      operationsUnknown: this.#operations.count("unknown"),
      watches: this.#watchCount,
      watchEvents: this.#eventCount,
      watchEventsSynthesized: this.#synthesizedCount,
      watchMarks: this.#markCount,
      locksGranted: this.#mutualExclusion.granted,
      lockWaitsFenced: this.#lockWaits.fenced,
      proclamations: this.#mutualExclusion.proclamations,
      sessionsExpired: this.#sessions.expired,
      linearizability: this.#linearizability,
      paths: this.#linearizability?.paths ?? 0,
      pathsUndecided: this.#linearizability?.undecided.length ?? 0,
    };
  }
}
