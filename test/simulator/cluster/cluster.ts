import type { Metadata } from "@grpc/grpc-js";
import type { ExchangeRequest } from "@quorate/proto";
import { type Logger, pino } from "pino";
import type { ServerOptions } from "../../../server/src/config.js";
import { UnknownFormat } from "../../../server/src/node/command-codec-format.js";
import { startServer } from "../../../server/src/server.js";
import type { Applied, Command, StateMachine } from "../../../server/src/state-machine/index.js";
import { SimulatedDisk, setCurrentDisk } from "../disk/simulated-disk.js";
import { usualDisk } from "../disk/usual-disk.js";
import { InvariantViolated } from "../invariants/violation.js";
import type { Network } from "../network/network.js";
import { promisesIn } from "../network/wire-taps.js";
import type { Observer } from "../observation.js";
import type { SimulationOptions } from "../run/options.js";
import { setBounds } from "../run/server-bounds.js";
import { newestVersion } from "../run/versions.js";
import { Process } from "../world/process.js";
import type { Random } from "../world/random.js";
import type { World } from "../world/world.js";
import { HearingCheck } from "./hearing-check.js";
import { observeExpiries } from "./lease-taps.js";
import { isDisowned, isFault, isRemoval, isTooNew } from "./node-end.js";
import { captureRafts, coreOf, RaftView } from "./raft-view.js";
import { observeReads } from "./read-taps.js";
import {
  CLIENT_PORT,
  canRead,
  clientAddress,
  DATA_ROOT,
  HTTP_PORT,
  isOlder,
  PEER_PORT,
  type SimulatedNode,
} from "./simulated-node.js";
import { observeApply, restored } from "./state-machine-taps.js";
import { Unexpected } from "./unexpected.js";
import { captureWatches } from "./watch-taps.js";

/** Milliseconds until a supervisor starts a process again. */
const RESTART_MIN_MS = 50;
const RESTART_MAX_MS = 1_500;
/** Milliseconds at most until a node that stopped since its version is too old is upgraded. */
const UPGRADE_MAX_MS = 5_000;
/** Any number that no other fork of a node's source has. */
const VERSION_SALT = 7;
/** Milliseconds between two looks at what nodes keep up. */
const LOOK_INTERVAL_MS = 100;
/** Election timeouts within which a leader confirms a renewal, or it has failed. */
const RENEWAL_PATIENCE = 2;

/** The servers: started, killed and started again, each on its own disk. */
export class SimulatedCluster {
  readonly nodes = new Map<string, SimulatedNode>();
  readonly #world: World;
  readonly #network: Network;
  readonly #random: Random;
  readonly #options: SimulationOptions;
  readonly #observer: Observer;
  /** Calls `failed` once with what no fault explains. */
  readonly #failed: (error: unknown) => void;
  /** Called once, when a node becomes the leader. */
  onNextLeader: ((node: SimulatedNode) => void) | undefined;
  /** The highest term of which a leader was seen. */
  #ledTerm = 0;
  /** Whether ended processes are started again. */
  supervising = true;
  /** Whether nodes that are added from now on are of the newest version, rather than of one that the run draws. */
  installsNewest = false;
  boots = 0;
  readonly hearing: HearingCheck;

  constructor(
    world: World,
    network: Network,
    random: Random,
    options: SimulationOptions,
    observer: Observer,
    failed: (error: unknown) => void,
  ) {
    this.#world = world;
    this.#network = network;
    this.#random = random;
    this.#options = options;
    this.#observer = observer;
    this.#failed = failed;
    const { bounds, appendBytesMax, pendingReadsMax } = options;
    setBounds({ ...bounds, appendBytesMax, pendingReadsMax });
    observeApply((process, ...told) => this.#applied(process, ...told));
    observeExpiries((process, lease, underWayMs) => this.#expires(process.host, lease, underWayMs));
    captureRafts();
    captureWatches();
    this.#observeReads();
    this.hearing = new HearingCheck(options);
    this.#lookAtHearing();
    world.beforeStep = (process) => {
      restored.hash = undefined;
      setCurrentDisk(this.#disks.get(process));
    };
    world.afterStep = (process) => this.#stepped(process);
  }

  readonly #disks = new WeakMap<Process, SimulatedDisk>();
  readonly #owners = new WeakMap<Process, SimulatedNode>();
  /** Processes on copies of directories, by host: nobody's, so nothing that they do is told to the observer. */
  readonly #copies = new Map<string, Process>();

  /** Nothing ends while its renewal is under way at the leader, within the time in which that is confirmed or fails. */
  #expires(name: string, lease: number, underWayMs: number): void {
    if (underWayMs >= this.#options.electionTimeoutMs * RENEWAL_PATIENCE) return;
    const message = `lease ${lease} is to end at ${name}, which has read a renewal of it ${underWayMs} ms ago`;
    this.#failed(new InvariantViolated("LEASE", message, { lease, node: name, underWayMs }));
  }

  #lookAtHearing(): void {
    this.#world.after(LOOK_INTERVAL_MS, undefined, "look", () => {
      try {
        for (const node of this.live) this.hearing.look(node, this.#world.nowMs);
      } catch (error) {
        this.#failed(error);
      }
      this.#lookAtHearing();
    });
  }

  /** The client endpoints of nodes that were not retired. */
  get endpoints(): string[] {
    return [...this.nodes.values()].filter(({ retired }) => !retired).map(({ name }) => clientAddress(name));
  }

  get live(): SimulatedNode[] {
    return [...this.nodes.values()].filter(({ process }) => process?.alive);
  }

  /** A node of the first cluster, or with an empty `initialCluster` one that joins it later. */
  add(name: string, initialCluster: SimulatedNode["initialCluster"]): SimulatedNode {
    const random = this.#random.fork(this.nodes.size + 1);
    const { founders, joiners } = this.#options.versions;
    const node: SimulatedNode = {
      name,
      disk: new SimulatedDisk({ root: DATA_ROOT, random: random.next }),
      logEntriesKept: random.pick(this.#options.logEntriesKept),
      initialCluster,
      joins: initialCluster.length === 0,
      peerPort: PEER_PORT,
      version: this.installsNewest
        ? newestVersion
        : random.fork(VERSION_SALT).pick(initialCluster.length > 0 ? founders : joiners),
      process: undefined,
      server: undefined,
      view: undefined,
      boots: 0,
      id: undefined,
      retired: false,
      leaving: false,
      damaged: false,
      supervised: true,
    };
    node.disk.faults = usualDisk(this.#options);
    node.disk.onCrash = () => {
      // At once: whatever the code does with the error that it sees, a dead process does nothing any more.
      this.#world.trace.note(this.#world.nowMs, name, "crashes at a write");
      this.kill(node, random.chance(0.5));
      this.#restartLater(node);
    };
    this.nodes.set(name, node);
    return node;
  }

  /** Starts the node's process, unless it runs or must not. */
  boot(node: SimulatedNode): void {
    if (node.process?.alive || node.retired) return;
    this.boots++;
    node.boots++;
    node.view = undefined;
    node.server = undefined;
    this.#network.powerBack(node.name);
    const process = new Process(
      node.name,
      this.#random.fork(1_000 + this.boots),
      this.#world.nowMs,
      (error) => this.#ended(node, process, error),
    );
    const drift = this.#options.clockDriftMax;
    if (drift > 0) process.setClockRate(this.#random.between(1 - drift, 1 + drift), this.#world.nowMs);
    process.turnDelayMs = this.#options.turnDelayMs;
    node.process = process;
    node.disk.boot();
    this.#disks.set(process, node.disk);
    this.#owners.set(process, node);
    this.#world.trace.note(this.#world.nowMs, node.name, "boots");
    this.#world.runIn(process, () => {
      startServer(this.#serverOptions(node), this.#logger(process), (error) => {
        this.#ended(node, process, error);
      }).then(
        (server) => {
          node.server = server;
        },
        (error: unknown) => this.#ended(node, process, error),
      );
    });
  }

  #serverOptions(node: SimulatedNode): ServerOptions {
    const { heartbeatMs, electionTimeoutMs, logBytesKept } = this.#options;
    const { historyRevisionsKept, historyKeptMs, spaceBytesMax } = this.#options;
    return {
      name: node.name,
      dataDir: DATA_ROOT,
      initialCluster: node.initialCluster,
      ...(node.joins
        ? {
            initialCluster: [],
            // Whoever starts a node that is to join names the members of that time.
            join: this.endpoints.filter((endpoint) => endpoint !== clientAddress(node.name)),
          }
        : { join: [] }),
      ...listening(node.name, node),
      clusterToken: "simulation",
      heartbeatMs,
      electionTimeoutMs,
      logEntriesKept: node.logEntriesKept,
      historyRevisionsKept,
      historyKeptMs,
      spaceBytesMax,
      logBytesKept,
      logLevel: "info",
      logFormat: "json",
      unsafeSkipReadIndex: false,
      commandFormat: node.version,
    };
  }

  #logger(process: Process): Logger {
    return pino(
      { level: "info", timestamp: false, base: null, messageKey: "said" },
      {
        write: (line: string) =>
          this.#world.trace.note(this.#world.nowMs, process.host, "log", () => line.trim()),
      },
    );
  }

  /** The process ended by itself: a crash point, a failed disk, or something that must not happen. */
  #ended(node: SimulatedNode, process: Process, error: unknown): void {
    if (!process.alive) return;
    this.#world.trace.note(this.#world.nowMs, node.name, "ends", () => String(error));
    if (node.damaged || isRemoval(node, error)) {
      // As it should: whoever lost its data, or was removed, must not take part again under the same id.
      this.kill(node, false);
      return;
    }
    if (isTooNew(error) && isOlder(node) && !this.#hasVote(node)) {
      // As it should: nobody waits for one without a vote, and whoever runs it does as it says.
      this.#upgradeRefused(node, error);
      return;
    }
    if (!isFault(error)) this.#failed(new Unexpected(node.name, error));
    this.kill(node, false);
    this.#restartLater(node);
  }

  /** Whether any node's newest configuration gives it a vote. */
  #hasVote({ id }: SimulatedNode): boolean {
    return this.live.some(({ view }) => view?.configuration().voters.includes(id ?? 0));
  }

  /** A node without a vote stopped at what only a newer version reads: it gets none before it runs again. */
  #upgradeRefused(node: SimulatedNode, error: unknown): void {
    this.upgrade(node, this.#random.between(RESTART_MIN_MS, UPGRADE_MAX_MS), () => {
      // Unless something else started it before.
      if (node.process?.alive !== true && this.#hasVote(node)) this.#failed(new Unexpected(node.name, error));
    });
  }

  /** Stops the node, and starts it again with the newest version. */
  upgrade(node: SimulatedNode, downMs: number, starting: () => void = () => undefined): void {
    this.#world.trace.note(this.#world.nowMs, node.name, "is upgraded", () => `from format ${node.version}`);
    this.kill(node, false);
    node.version = newestVersion;
    this.#world.after(downMs, undefined, "restart", () => {
      starting();
      this.boot(node);
    });
  }

  #restartLater(node: SimulatedNode): void {
    if (!node.supervised) return;
    this.#world.after(this.#random.between(RESTART_MIN_MS, RESTART_MAX_MS), undefined, "restart", () => {
      if (this.supervising) this.boot(node);
    });
  }

  /** Ends the process, as SIGKILL does, or with `power` the machine, whose unsynced writes are lost. */
  kill(node: SimulatedNode, power: boolean): void {
    const { process } = node;
    if (process === undefined || !process.alive) return;
    const { id } = node;
    if (power) this.#network.powerLost(node.name);
    this.#world.end(process, power ? "power" : "exit");
    node.disk.crash({ power });
    if (id !== undefined) this.#observer.died(id, power, this.#world.nowMs);
  }

  /** All nodes lose their power at one moment, and start again. */
  powerCycle(): void {
    const { live } = this;
    for (const node of live) this.kill(node, true);
    for (const node of live) this.boot(node);
  }

  /** The node's data are gone for good, by `ruin`. */
  destroy(node: SimulatedNode, ruin: (node: SimulatedNode) => void): void {
    this.kill(node, true);
    ruin(node);
    node.damaged = true;
    // What the next process finds on the disk before it refuses it is nobody's any more.
    const { disk } = node;
    disk.onLogWrite = undefined;
    disk.onLogCut = undefined;
    disk.onStateWrite = undefined;
    disk.onLogReset = undefined;
    if (node.id !== undefined) this.#observer.lost(node.id, 0, this.#world.nowMs);
  }

  /**
   * Starts a process on a copy of a node's directory, at a host of its own or, when the node is gone for good, in its place.
   * It ends by itself, told that it must not run.
   */
  bootCopy(node: SimulatedNode, disk: SimulatedDisk, host: string): void {
    this.endCopy(host);
    this.#network.powerBack(host);
    this.boots++;
    const process = new Process(host, this.#random.fork(1_000 + this.boots), this.#world.nowMs, (error) =>
      this.#copyEnded(process, error),
    );
    this.#copies.set(host, process);
    disk.boot();
    this.#disks.set(process, disk);
    this.#world.trace.note(this.#world.nowMs, host, "boots", () => `on a copy of what ${node.name} had`);
    this.#world.runIn(process, () => {
      const ended = (error: unknown): void => this.#copyEnded(process, error);
      startServer(
        { ...this.#serverOptions(node), ...listening(host, node) },
        this.#logger(process),
        ended,
      ).catch(ended);
    });
  }

  endCopy(host: string): void {
    const process = this.#copies.get(host);
    if (process?.alive === true) this.#world.end(process, "exit");
    this.#copies.delete(host);
  }

  endCopies(): void {
    for (const host of [...this.#copies.keys()]) this.endCopy(host);
  }

  #copyEnded(process: Process, error: unknown): void {
    if (!process.alive) return;
    this.#world.trace.note(this.#world.nowMs, process.host, "ends", () => String(error));
    this.endCopy(process.host);
    if (!isDisowned(error)) this.#failed(new Unexpected(process.host, error));
  }

  /** A kill after which a supervisor starts the node again. */
  killForAWhile(node: SimulatedNode, power: boolean, downMs: number): void {
    this.kill(node, power);
    this.#world.after(downMs, undefined, "restart", () => this.boot(node));
  }

  /** Nodes that wait to join are started again: the members that they were told of may all be gone by now. */
  restartJoining(): void {
    for (const node of this.live) {
      if (node.view !== undefined || node.initialCluster.length > 0) continue;
      this.kill(node, false);
      this.boot(node);
    }
  }

  /** The node that leads in the highest term, if any. */
  get leader(): SimulatedNode | undefined {
    let found: SimulatedNode | undefined;
    for (const node of this.live) {
      if (node.view?.role === "leader" && node.view.term > (found?.view?.term ?? 0)) found = node;
    }
    return found;
  }

  /** Every node in a few words. */
  describe(): string {
    return [...this.nodes.values()]
      .map(({ name, process, view, retired, damaged }) => {
        const what = retired ? "retired" : damaged ? "damaged" : process?.alive === true ? "up" : "down";
        if (view === undefined) return `${name} ${what}`;
        const { role, term, vote, leader, commitIndex, lastIndex, configurationIndex } = view;
        const { voters, learners } = view.configuration();
        const names = (ids: readonly number[]): string => ids.map((id) => this.#nameOf(id)).join("+");
        return `${name} ${what} ${role} term ${term} vote ${this.#nameOf(vote)} leader ${this.#nameOf(leader)} commit ${commitIndex} of ${lastIndex} configuration ${configurationIndex}: ${names(voters)}/${names(learners)}`;
      })
      .join("\n");
  }

  #nameOf(id: number): string {
    return [...this.nodes.values()].find((node) => node.id === id)?.name ?? String(id);
  }

  // ---- What the observer is told ----

  /** A node writes to a peer. */
  exchanged(process: Process, { messages }: ExchangeRequest, metadata: Metadata): void {
    const view = this.#owners.get(process)?.view;
    if (view === undefined) return;
    for (const promise of promisesIn(messages, metadata, view))
      this.#observer.promised(view.id, promise, this.#world.nowMs);
  }

  #stepped(process: Process): void {
    const node = this.#owners.get(process);
    if (node === undefined) return;
    const latencyMs = node.disk.takeLatencyMs();
    if (latencyMs > 0) this.#world.block(process, latencyMs);
    if (node.view === undefined) this.#firstSight(node, process);
    const { view } = node;
    if (view === undefined) return;
    this.#observer.stepped(view, this.#world.nowMs);
    if (isOlder(node) && !canRead(node.version, view)) {
      this.#ended(node, process, new UnknownFormat("a configuration with a changed address", node.version));
      return;
    }
    if (view.role !== "leader" || view.term <= this.#ledTerm) return;
    this.#ledTerm = view.term;
    const told = this.onNextLeader;
    this.onNextLeader = undefined;
    told?.(node);
  }

  #observeReads(): void {
    const observer = this.#observer;
    const viewOf = (process: Process): RaftView | undefined =>
      process.alive ? this.#owners.get(process)?.view : undefined;
    const now = (): number => this.#world.nowMs;
    observeReads({
      began: (process, context) => {
        const view = viewOf(process);
        if (view !== undefined) observer.readBegan(view.id, context, now());
      },
      confirmed: (process, nodeId, context, index) => {
        const view = viewOf(process);
        if (view !== undefined) observer.readConfirmed(view.id, nodeId, context, index, now());
      },
      collected: (process) => {
        const { committedIndex } = observer;
        return () => {
          const view = viewOf(process);
          if (view !== undefined) observer.readServed(view, committedIndex, now());
        };
      },
    });
  }

  #firstSight(node: SimulatedNode, process: Process): void {
    const core = coreOf(process);
    if (core === undefined) return;
    const view = new RaftView(node.name, node.boots, core);
    node.view = view;
    const { id } = view;
    node.id = id;
    const { disk } = node;
    const observer = this.#observer;
    const now = (): number => this.#world.nowMs;
    disk.onLogWrite = (hardState, entries) => observer.persisted(id, hardState, entries, now());
    // For good: what an earlier process left in the page cache becomes durable when the next one opens the files.
    disk.onLogCut = (start) => observer.logCut(id, start, now());
    disk.onStateWrite = (appliedIndex) => observer.statePersisted(id, appliedIndex, now());
    disk.onLogReset = (position) => observer.snapshotInstalled(id, position, restored.hash, now());
    observer.booted(view, restored.hash, now());
  }

  #applied(
    process: Process,
    index: number,
    commands: readonly Command[],
    outcome: Applied,
    machine: StateMachine,
  ): void {
    const view = this.#owners.get(process)?.view;
    const entry = view?.entryAt(index);
    if (view === undefined || entry === undefined) return;
    this.#observer.applied(view, entry, commands, outcome, machine.hash, machine, this.#world.nowMs);
  }
}

/** Where a node listens, on its own host or on that of a copy. */
function listening(
  host: string,
  { peerPort }: SimulatedNode,
): Pick<ServerOptions, "clientListen" | "peerListen" | "httpListen" | "clientAdvertise"> {
  return {
    clientListen: { host, port: CLIENT_PORT },
    peerListen: { host, port: peerPort },
    httpListen: { host, port: HTTP_PORT },
    clientAdvertise: clientAddress(host),
  };
}
