import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import type { Applied, Command, StateMachine } from "../../../server/src/state-machine/index.js";
import { ClientChecks, type ClientSummary } from "../checkers/client-checks.js";
import type { ClientEvent, NodePromise, NodeView, Observer } from "../observation.js";
import { AppliedChecks } from "./applied-checks.js";
import { CalmCheck, type CalmConditions, type CalmScope } from "./calm.js";
import { CommittedLog } from "./committed-log.js";
import { Configurations } from "./configurations.js";
import { Durability } from "./durability.js";
import { DurableDisk } from "./durable-disk.js";
import { ElectionSafety } from "./election-safety.js";
import { checkFinalState } from "./equal-state.js";
import { checkLeaderCompleteness } from "./leader-completeness.js";
import type { LeaseBounds } from "./lease-times.js";
import { LogMatching } from "./log-matching.js";
import {
  checkApplied,
  checkBoot,
  checkHardState,
  checkInstall,
  checkReached,
  checkStateIndex,
  checkStep,
} from "./monotonicity.js";
import { NodeTrack } from "./node-track.js";
import { type ClientLook, type Clocks, Progress, type ServerLook } from "./progress.js";
import { checkPromise } from "./promises.js";
import { ReadFreshness } from "./read-freshness.js";
import { InvariantViolated, violated } from "./violation.js";

/** What the checks need to know of the run. */
export interface ObserverOptions extends LeaseBounds, Clocks, CalmConditions {
  /** Candidates that the search for linearizability may look at for one path before it gives up. */
  readonly partitionStepsMax: number;
  /** How long after its opening, or after the cluster settled, a watch may take until a node serves it, in milliseconds of true time. */
  readonly watchServedMsMax: number;
}

/** How a run ended. */
export interface RunEnd {
  /** The nodes that were healed and had time to catch up. */
  readonly healed: readonly NodeView[];
  /** Since when nothing was done to them or their network, in true time. */
  readonly healedMs: number;
  /** Since when all of them had a leader and the same log, in true time: elections after healing take their time. */
  readonly settledMs: number;
  readonly trueMs: number;
}

/** What happened in a run, so that one in which nothing did can be told from one in which nothing went wrong. */
export interface RunSummary extends ClientSummary {
  readonly boots: number;
  readonly elections: number;
  readonly entriesApplied: number;
  readonly revision: number;
  readonly snapshotsInstalled: number;
  readonly readsConfirmed: number;
  /** Stretches without faults, and operations in them. */
  readonly calms: number;
  readonly calmOperations: number;
  /** How often a client's progress, or the end of a watch, was due. */
  readonly progressDue: number;
  readonly mutationsRepeated: number;
  readonly leasesExpired: number;
  readonly leaseCheckpoints: number;
  /** Leases renewed by an entry, those of them that would have been over when it was applied, and those renewed together. */
  readonly leasesRenewedInLog: number;
  readonly leasesRenewedOverdue: number;
  readonly leasesRenewedTogether: number;
  readonly fencedAccepted: number;
  readonly fencedRefused: number;
}

/** Holds a run to the invariants. Once one is violated it says so and looks no further. */
export class RunObserver implements Observer {
  readonly #options: ObserverOptions;
  readonly #tracks = new Map<number, NodeTrack>();
  readonly #disks = new Map<number, DurableDisk>();
  readonly #elections = new ElectionSafety();
  readonly #logMatching = new LogMatching();
  readonly #committed = new CommittedLog();
  readonly #durability = new Durability(this.#committed, this.#disks);
  readonly #reads = new ReadFreshness(this.#committed);
  readonly #calm: CalmCheck;
  readonly #progress: Progress;
  readonly #applied: AppliedChecks;
  readonly #configurations = new Configurations();
  readonly #clients: ClientChecks;
  #violation: InvariantViolated | undefined;
  #violationMs = 0;
  #boots = 0;
  #snapshotsInstalled = 0;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#calm = new CalmCheck(options);
    this.#progress = new Progress(options);
    this.#applied = new AppliedChecks(options, this.#elections);
    this.#clients = new ClientChecks(this.#applied);
  }

  /** The first violation: what threw it may have been caught by the code that was observed. */
  get violation(): InvariantViolated | undefined {
    return this.#violation;
  }

  /** When it happened, in true time. */
  get violationMs(): number {
    return this.#violationMs;
  }

  booted(node: NodeView, hash: string | undefined, trueMs: number): void {
    this.#guard(trueMs, () => {
      this.#boots += 1;
      const disk = this.#diskOf(node.id);
      const known = this.#tracks.get(node.id);
      if (known?.up === true) throw new Error(`node ${node.id} starts while it runs`);
      known?.restarted(node);
      const track = known ?? new NodeTrack(node);
      this.#tracks.set(node.id, track);
      this.#durability.checkBoot(node, disk);
      checkBoot(node, disk);
      this.#applied.equalState.seen(node.id, node.appliedIndex, hash);
      this.#moved(track, node, trueMs);
    });
  }

  died(nodeId: number): void {
    const track = this.#tracks.get(nodeId);
    if (track !== undefined) track.up = false;
  }

  stepped(node: NodeView, trueMs: number): void {
    const track = this.#trackOf(node.id);
    // What a process still does while it is torn down reaches nobody.
    if (!track.up || track.same(node)) return;
    this.#guard(trueMs, () => this.#moved(track, node, trueMs));
  }

  #moved(track: NodeTrack, node: NodeView, trueMs: number): void {
    checkStep(track, node);
    if (node.role === "leader" && (track.role !== "leader" || track.term !== node.term)) {
      this.#elections.elected(node, trueMs);
      checkLeaderCompleteness(node, this.#committed);
    }
    if (node.commitIndex > track.commitIndex && this.#committed.advance(node, track.commitIndex)) {
      this.#durability.committed(node, track.configuration);
    }
    this.#configurations.check(node);
    this.#calm.stepped(node);
    track.update(node);
  }

  persisted(
    nodeId: number,
    hardState: HardState | undefined,
    entries: readonly LogEntry[],
    trueMs: number,
  ): void {
    this.#guard(trueMs, () => {
      const disk = this.#diskOf(nodeId);
      // First, by the term that the disk has: they may have been taken before the node heard of the one that comes along.
      if (entries.length > 0) {
        this.#logMatching.persisted(disk, entries);
        const held = this.#durability.lastCountedOn(disk);
        disk.write(entries);
        this.#durability.checkKept(disk, held, "a write to the log");
      }
      if (hardState === undefined) return;
      checkHardState(disk, hardState);
      disk.setHardState(hardState);
    });
  }

  promised(nodeId: number, promise: NodePromise, trueMs: number): void {
    this.#guard(trueMs, () => checkPromise(this.#diskOf(nodeId), promise));
  }

  statePersisted(nodeId: number, appliedIndex: number, trueMs: number): void {
    this.#guard(trueMs, () => {
      const disk = this.#diskOf(nodeId);
      checkStateIndex(disk, appliedIndex);
      disk.stateIndex = appliedIndex;
    });
  }

  logCut(nodeId: number, start: LogPosition, trueMs: number): void {
    this.#guard(trueMs, () => {
      const disk = this.#diskOf(nodeId);
      this.#durability.checkCut(disk, start);
      disk.cut(start);
    });
  }

  snapshotInstalled(nodeId: number, position: LogPosition, hash: string | undefined, trueMs: number): void {
    this.#guard(trueMs, () => {
      const { index, term } = position;
      this.#snapshotsInstalled += 1;
      const committedTerm = this.#committed.termOf(index);
      if (committedTerm !== term) {
        violated(
          "SMS",
          `node ${nodeId} installs a snapshot of entry ${index}, which is not what was committed`,
          {
            node: nodeId,
            ...position,
            committedTerm,
          },
        );
      }
      const track = this.#trackOf(nodeId);
      checkInstall(track, index);
      const disk = this.#diskOf(nodeId);
      const held = this.#durability.lastCountedOn(disk);
      disk.install(position);
      this.#durability.checkKept(disk, held, "a snapshot");
      track.machineIndex = index;
      track.machineIndexMax = Math.max(track.machineIndexMax, index);
      track.machine = undefined;
      this.#applied.equalState.seen(nodeId, index, hash);
    });
  }

  lost(nodeId: number, fromIndex: number): void {
    this.#diskOf(nodeId).lose(fromIndex);
  }

  applied(
    node: NodeView,
    entry: LogEntry,
    commands: readonly Command[],
    outcome: Applied,
    hash: string | undefined,
    machine: StateMachine,
    trueMs: number,
  ): void {
    this.#guard(trueMs, () => {
      if (entry.kind === "configuration") this.#configurations.applied(entry);
      const track = this.#trackOf(node.id);
      checkApplied(track, entry.index);
      track.machineIndex = entry.index;
      track.machineIndexMax = Math.max(track.machineIndexMax, entry.index);
      track.machine = machine;
      const committedTerm = this.#committed.termOf(entry.index);
      if (committedTerm !== undefined && committedTerm !== entry.term) {
        violated("SMS", `node ${node.id} applies another entry ${entry.index} than was committed`, {
          node: node.id,
          index: entry.index,
          terms: [committedTerm, entry.term],
        });
      }
      this.#applied.applied(node.id, entry, commands, outcome, machine.compactedRevision, trueMs);
      this.#applied.equalState.seen(node.id, entry.index, hash);
    });
  }

  get committedIndex(): number {
    return this.#reads.floor;
  }

  readBegan(nodeId: number, context: number, trueMs: number): void {
    this.#guard(trueMs, () => this.#reads.began(nodeId, context));
  }

  readConfirmed(leaderId: number, nodeId: number, context: number, index: number, trueMs: number): void {
    this.#guard(trueMs, () => this.#reads.confirms(leaderId, nodeId, context, index));
  }

  readServed(node: NodeView, committedIndex: number, trueMs: number): void {
    this.#guard(trueMs, () => this.#reads.served(node, committedIndex));
  }

  removalTold(nodeId: number, trueMs: number): void {
    this.#guard(trueMs, () => this.#configurations.removalTold(nodeId));
  }

  clientEvent(event: ClientEvent): void {
    this.#guard(event.trueMs, () => {
      this.#clients.event(event);
      this.#calm.event(event);
      this.#progress.event(event);
    });
  }

  /** Nothing goes wrong from now on, nothing that went wrong is still felt, and the clients go on. */
  calmBegins(scope: CalmScope, trueMs: number): void {
    this.#guard(trueMs, () => this.#calm.begins(scope));
  }

  /** A look at the nodes that run, in a calm. */
  calmLooked(nodes: readonly NodeView[], trueMs: number): void {
    this.#guard(trueMs, () => this.#calm.looked(nodes, this.committedIndex, trueMs));
  }

  calmEnds(trueMs: number): void {
    this.#guard(trueMs, () => this.#calm.ends(trueMs));
  }

  /** A look at the clients and servers that run, while faults last. */
  looked(clients: readonly ClientLook[], servers: readonly ServerLook[], trueMs: number): void {
    this.#guard(trueMs, () => this.#progress.looked(clients, servers, trueMs));
  }

  /**
   * The leases that nobody keeps alive and that live on in the healed cluster: a run is not over before they are. One
   * that lives too long is a violation.
   */
  ownerlessLeases(healedMs: number, trueMs: number): number[] {
    const found: number[] = [];
    this.#guard(trueMs, () => found.push(...this.#applied.leases.ownerless(healedMs, trueMs)));
    return found;
  }

  /**
   * The checks that need the whole run. Every watch and lock of the clients that live has had time to settle. Returns
   * the first violation of the run, if there was one.
   */
  finish({ healed, healedMs, settledMs, trueMs }: RunEnd): InvariantViolated | undefined {
    try {
      this.#guard(trueMs, () => {
        const { history, leases } = this.#applied;
        for (const { id } of healed) {
          const track = this.#trackOf(id);
          checkReached(track);
          const { machine } = track;
          if (machine?.appliedIndex === history.index) checkFinalState(id, machine, history);
        }
        leases.checkEnded(healedMs, trueMs);
        this.#clients.finish(this.#options, settledMs, trueMs);
      });
    } catch (error) {
      if (!(error instanceof InvariantViolated)) throw error;
    }
    return this.#violation;
  }

  /** What happened so far. */
  get summary(): RunSummary {
    const { history, leases, fencing, exactlyOnce } = this.#applied;
    return {
      boots: this.#boots,
      elections: this.#elections.count,
      entriesApplied: history.index,
      revision: history.revision,
      snapshotsInstalled: this.#snapshotsInstalled,
      readsConfirmed: this.#reads.confirmed,
      calms: this.#calm.stretches,
      calmOperations: this.#calm.operations,
      progressDue: this.#progress.demands,
      mutationsRepeated: exactlyOnce.repeated,
      leasesExpired: leases.expired,
      leaseCheckpoints: leases.checkpoints,
      leasesRenewedInLog: leases.renewedInLog,
      leasesRenewedOverdue: leases.renewedOverdue,
      leasesRenewedTogether: leases.renewedTogether,
      fencedAccepted: fencing.accepted,
      fencedRefused: fencing.refused,
      ...this.#clients.summary(),
    };
  }

  #guard(trueMs: number, check: () => void): void {
    if (this.#violation !== undefined) return;
    try {
      check();
    } catch (error) {
      if (error instanceof InvariantViolated) {
        this.#violation = error;
        this.#violationMs = trueMs;
      }
      throw error;
    }
  }

  #trackOf(nodeId: number): NodeTrack {
    const track = this.#tracks.get(nodeId);
    if (track === undefined) throw new Error(`node ${nodeId} was never started`);
    return track;
  }

  #diskOf(nodeId: number): DurableDisk {
    let disk = this.#disks.get(nodeId);
    if (disk === undefined) {
      disk = new DurableDisk(nodeId);
      this.#disks.set(nodeId, disk);
    }
    return disk;
  }
}
