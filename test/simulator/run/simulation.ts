import { performance as machineClock } from "node:perf_hooks";
import type { ExchangeRequest, WatchReply, WatchRequest } from "@quorate/proto";
import { Administrator } from "../cluster/administrator.js";
import { SimulatedCluster } from "../cluster/cluster.js";
import { Reach } from "../cluster/reach.js";
import { clientAddress, isOlder, peerAddress, type SimulatedNode } from "../cluster/simulated-node.js";
import { Unexpected } from "../cluster/unexpected.js";
import { watchesAt } from "../cluster/watch-taps.js";
import { usualDisk } from "../disk/usual-disk.js";
import { LeadershipRotation } from "../faults/leadership-rotation.js";
import { Nemesis } from "../faults/nemesis.js";
import { createObserver, InvariantViolated } from "../invariants/index.js";
import { Lives } from "../invariants/lives.js";
import { setCurrentNetwork } from "../network/ambient.js";
import { Network } from "../network/network.js";
import { WatchDeliveries } from "../network/wire-taps.js";
import type { ClientEvent } from "../observation.js";
import { WorkloadClient } from "../workload/client.js";
import { CLOSING_CALLS_MAX_MS, ClosingCalls } from "../workload/closing-calls.js";
import { PLAIN_CALL_MAX_MS, PlainClient } from "../workload/plain-client.js";
import type { RunIds } from "../workload/recorder.js";
import { Process } from "../world/process.js";
import { Random } from "../world/random.js";
import { setCurrentWorld, World } from "../world/world.js";
import { passCalm } from "./calm-stretch.js";
import type { SimulationOptions } from "./options.js";
import type { SeedResult } from "./result.js";
import { keepsLeases } from "./themes.js";

const EXCHANGE = "/quorate.v1.PeerService/Exchange";
const WATCH = "/quorate.v1.WatchService/Watch";

/** Milliseconds of calm at the start, in which the cluster forms. */
const FORMATION_MS = 1_500;
/** Milliseconds that a violated run goes on being traced in its report. */
const TRACED_EVENTS = 4_000;
/**
 * How long after twice its TTL a lease that nobody keeps alive may live on in a healed cluster: some elections, after the
 * 20,000 ms for which a peer may wait for a connection whose first packet a fault swallowed.
 */
const LEASE_LATE_MAX_MS = 30_000;
/** Candidates that the search for linearizability looks at for one path. */
const LINEARIZABILITY_STEPS_MAX = 2_000_000;
/** Milliseconds for which the healed cluster is given new operations. */
const SERVES_ON_MS = 2_000;
/** Milliseconds in which every watch of a settled cluster is served. */
const WATCHES_SETTLE_MS = 6_000;
/** Milliseconds in which watches that are served deliver what is left, and nodes apply it. */
const LAST_DELIVERIES_MS = 2_000;
/** Milliseconds that the last leases may take to end, beyond what a run takes to settle, while leaders change. */
const ROTATION_MAX_MS = 30_000;
/** Milliseconds between two looks whether everything has converged. */
const LOOK_INTERVAL_MS = 250;

/** One run: a cluster, its clients and its faults, from one seed. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #world = new World();
  readonly #random: Random;
  readonly #network: Network;
  readonly #cluster: SimulatedCluster;
  readonly #administrator: Administrator;
  readonly #nemesis: Nemesis;
  readonly #reach: Reach;
  readonly #observer: ReturnType<typeof createObserver>;
  readonly #clients = new Map<Process, WorkloadClient>();
  readonly #startedWith = new WeakMap<Process, readonly string[]>();
  readonly #ids: RunIds = { operation: 0, watch: 0, attempt: 0, value: 0 };
  #clientNumber = 0;
  readonly #deliveries = new WatchDeliveries();
  readonly #lives = new Lives();
  #stopping = false;
  #healedMs = 0;
  #settledMs = 0;
  #leadersRotated = 0;
  #failure: unknown;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const { latencyMs, jitterMs, encoding } = options;
    this.#network = new Network(this.#world, this.#random.fork(1), { baseMs: latencyMs, jitterMs, encoding });
    setCurrentWorld(this.#world);
    setCurrentNetwork(this.#network);
    this.#observer = createObserver({
      clockDriftMax: options.clockDriftMax,
      electionTimeoutMs: options.electionTimeoutMs,
      ...{ latencyMs, jitterMs, turnDelayMs: options.turnDelayMs, syncMs: options.syncMs },
      appendsAtOnce: options.bounds.appendInFlightMax,
      leaseLateMsMax: LEASE_LATE_MAX_MS,
      leasesKept: keepsLeases(options),
      leadershipMs: options.leadershipMs,
      watchServedMsMax: WATCHES_SETTLE_MS,
      partitionStepsMax: LINEARIZABILITY_STEPS_MAX,
    });
    this.#network.onWrite = (process, path, message, metadata, stream) => {
      if (path === EXCHANGE && metadata !== undefined)
        this.#cluster.exchanged(process, message as ExchangeRequest, metadata);
      else if (path === WATCH && metadata === undefined) {
        this.#checked(() => this.#deliveries.delivered(stream, message as WatchReply));
      }
    };
    this.#network.onTaken = (path, metadata) => {
      if (path !== EXCHANGE) return;
      const [to, from, life] = ["to", "from", "life"].map((key) =>
        String(metadata.get(`quorate-${key}`)[0] ?? ""),
      );
      this.#checked(() => this.#lives.taken(to ?? "", from ?? "", life ?? ""));
    };
    this.#network.onRequest = (path, message, stream) => {
      if (path === WATCH) this.#deliveries.requested(stream, message as WatchRequest);
    };
    this.#cluster = new SimulatedCluster(
      this.#world,
      this.#network,
      this.#random.fork(2),
      options,
      this.#observer,
      (error) => this.#fail(error),
    );
    this.#administrator = new Administrator(
      this.#world,
      this.#cluster,
      this.#random.fork(3),
      options,
      this.#observer,
      (error) => this.#fail(error),
    );
    this.#reach = new Reach(this.#world, this.#network, this.#cluster, options);
    this.#nemesis = new Nemesis({
      world: this.#world,
      network: this.#network,
      cluster: this.#cluster,
      options,
      random: this.#random.fork(4),
      clients: () => [...this.#clients.keys()].filter(({ alive }) => alive),
      killClient: (process) => this.#killClient(process),
      administration: this.#administrator,
    });
  }

  /** Runs to the end, or to the first violation. */
  run(): SeedResult {
    const { livenessMs } = this.#options;
    const startedMs = machineClock.now();
    try {
      this.#begin();
      if (this.#options.losesDiskEarly) this.#nemesis.loseDiskEarly();
      this.#runUntil(FORMATION_MS);
      this.#nemesis.start();
      this.#disturb();
      if (!this.#failed) this.#converge(livenessMs);
      if (!this.#failed) this.#fail(this.#finish());
    } catch (error) {
      this.#fail(error);
    } finally {
      setCurrentWorld(undefined);
      setCurrentNetwork(undefined);
    }
    return this.#result(startedMs);
  }

  /** All that goes wrong, and the calms in between. */
  #disturb(): void {
    const { safetyMs, calms } = this.#options;
    let lastedMs = 0;
    for (const { afterMs, judgedMs } of calms) {
      if (afterMs > safetyMs) continue;
      this.#pass(afterMs - lastedMs);
      lastedMs = afterMs;
      if (!this.#failed) this.#calm(judgedMs);
    }
    this.#pass(safetyMs - lastedMs);
  }

  /** Goes on for so long, and looks from time to time what everybody gets. */
  #pass(ms: number): void {
    const untilMs = this.#world.nowMs + ms;
    while (this.#world.nowMs < untilMs && !this.#failed) {
      this.#runUntil(Math.min(untilMs, this.#world.nowMs + LOOK_INTERVAL_MS));
      this.#checked(() => this.#look());
    }
  }

  #look(): void {
    const { workloads } = this.#options;
    const busy = workloads.some((kind) => kind === "registers" || kind === "strings");
    const clients = [...this.#clients.keys()].map((process) => ({
      host: process.host,
      busy,
      majoritySinceMs: this.#reach.majoritySince(process),
      lostSinceMs: this.#reach.lostSince(process),
    }));
    const servers = this.#cluster.live.map((node) => ({
      name: node.name,
      watches: node.process === undefined ? 0 : watchesAt(node.process),
      cutOffSinceMs: this.#reach.cutOffSince(node),
    }));
    this.#observer.looked(clients, servers, this.#world.nowMs);
  }

  #calm(judgedMs: number): void {
    const parts = {
      world: this.#world,
      network: this.#network,
      cluster: this.#cluster,
      administrator: this.#administrator,
      nemesis: this.#nemesis,
      observer: this.#observer,
      options: this.#options,
      clients: () =>
        [...this.#clients.keys()].map((process) => ({
          process,
          endpoints: this.#startedWith.get(process) ?? [],
        })),
      reachable: () => new Set(this.#liveMembers.map(({ name }) => clientAddress(name))),
      members: () => this.#members,
      pass: (ms: number) => this.#pass(ms),
      failed: () => this.#failed,
    };
    this.#checked(() => passCalm(parts, judgedMs));
  }

  /** What a check throws must not end in the code that it observes. */
  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error !== undefined) this.#failure ??= error;
  }

  /** What the observer threw may have been caught by the code that it observed. */
  get #failed(): boolean {
    this.#failure ??= this.#observer.violation;
    return this.#failure !== undefined;
  }

  #finish(): unknown {
    const members = this.#members;
    const healed = this.#cluster.live.flatMap(({ view }) =>
      view !== undefined && members.has(view.id) ? view : [],
    );
    const [healedMs, settledMs] = [this.#healedMs, this.#settledMs];
    return this.#observer.finish({ healed, healedMs, settledMs, trueMs: this.#world.nowMs });
  }

  #begin(): void {
    const { nodes, clients } = this.#options;
    const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    const initialCluster = names.map((name) => ({ name, address: peerAddress(name) }));
    for (const name of names) {
      const node = this.#cluster.add(name, initialCluster);
      this.#world.after(this.#random.between(0, 50), undefined, "boot", () => this.#cluster.boot(node));
    }
    for (let i = 0; i < clients; i++) this.#startClient(this.#random.between(0, 500));
    this.#administrator.start();
  }

  #startClient(afterMs: number): void {
    const name = `c${++this.#clientNumber}`;
    const endpoints = this.#random.shuffled(this.#cluster.endpoints);
    const random = this.#random.fork(100 + this.#clientNumber);
    const process = new Process(name, random, this.#world.nowMs, (error) => this.#fail(error));
    const drift = this.#options.clockDriftMax;
    if (drift > 0) process.setClockRate(random.between(1 - drift, 1 + drift), this.#world.nowMs);
    const client = new WorkloadClient();
    this.#clients.set(process, client);
    this.#startedWith.set(process, endpoints);
    const { workloads, sessionTtlMs, thinkMs, vandalMs } = this.#options;
    this.#world.after(afterMs, process, "client starts", () => {
      client
        .run({
          name,
          endpoints,
          workloads,
          sessionTtlMs,
          thinkMs,
          vandalMs,
          ids: this.#ids,
          tell: (event: ClientEvent) => {
            // What a pause held back comes late for its sake.
            const { client } = event;
            const trueMs = process.blockedUntilMs;
            if (event.kind === "leaseLost" && trueMs > 0) this.#told({ kind: "resumed", client, trueMs });
            this.#told(event);
          },
          stopping: () => this.#stopping,
        })
        .catch((error: unknown) => this.#fail(error));
    });
  }

  #told(event: ClientEvent): void {
    this.#world.trace.note(this.#world.nowMs, event.client, event.kind, () => JSON.stringify(event, shortly));
    // Thrown into a call that nobody waits for yet, it would end the simulation instead of the run.
    this.#checked(() => this.#observer.clientEvent(event));
  }

  #killClient(process: Process): void {
    if (this.#stopping) return;
    for (const client of this.#clients.get(process)?.names ?? []) {
      this.#observer.clientEvent({ kind: "killed", client, trueMs: this.#world.nowMs });
    }
    this.#world.end(process, "exit");
    this.#clients.delete(process);
    this.#startClient(this.#random.between(50, 1_000));
  }

  #runUntil(untilMs: number): void {
    this.#world.run(untilMs, () => this.#failed);
  }

  /** Everything healed: all nodes must agree, and everything that waits must come to an end. */
  #converge(livenessMs: number): void {
    this.#nemesis.stop();
    this.#administrator.heal();
    this.#healedMs = this.#world.nowMs;
    this.#network.heal();
    const broken = this.#options.healAll ? [] : this.#minority();
    for (const node of this.#cluster.nodes.values()) {
      node.disk.faults = usualDisk(this.#options);
      if (node.process !== undefined) this.#world.resume(node.process);
      if (broken.includes(node)) {
        node.supervised = false;
        this.#cluster.kill(node, false);
        node.retired = true;
      }
    }
    this.#cluster.installsNewest = true;
    if (this.#options.powerCycle) this.#cluster.powerCycle();
    for (const node of this.#cluster.nodes.values())
      if (this.#isUpgraded(node)) this.#cluster.upgrade(node, 0);
    for (const process of this.#clients.keys()) this.#world.resume(process);
    this.#cluster.restartJoining();
    for (const node of this.#cluster.nodes.values()) this.#cluster.boot(node);
    // Operations go on for a moment: the healed cluster must serve new ones, too.
    const stopMs = this.#world.nowMs + SERVES_ON_MS;
    if (this.#options.leadershipMs > 0) this.#rotateLeaders(stopMs, livenessMs + ROTATION_MAX_MS);
    else this.#runUntil(stopMs);
    this.#stopping = true;
    this.#waitFor(() => this.#unsettled(), livenessMs);
    if (this.#failed) return;
    // Watches have nobody who waits for them: by now every one is served, and delivers what the closing calls write.
    this.#settledMs = this.#world.nowMs;
    this.#runUntil(this.#settledMs + WATCHES_SETTLE_MS);
    this.#tellStranded();
    this.#closingCalls();
    this.#plainClient();
    this.#runUntil(this.#world.nowMs + LAST_DELIVERIES_MS);
  }

  /** Runs until nothing is missing, so long at most; `look` is called every now and then. */
  #waitFor(missing: () => readonly string[], withinMs: number, look: () => void = () => undefined): void {
    const deadlineMs = this.#world.nowMs + withinMs;
    for (;;) {
      this.#runUntil(this.#world.nowMs + LOOK_INTERVAL_MS);
      look();
      if (this.#failed) return;
      const lacking = missing();
      if (lacking.length === 0) return;
      if (this.#world.nowMs < deadlineMs) continue;
      throw new NotLive(
        `not settled ${withinMs} ms after everything healed: ${lacking.join("; ")}\n${this.#cluster.describe()}`,
      );
    }
  }

  /** Nothing goes wrong, but that leaders change, until every operation and every lease that nobody keeps alive is over. */
  #rotateLeaders(stopMs: number, withinMs: number): void {
    const { leadershipMs } = this.#options;
    const rotation = new LeadershipRotation(this.#cluster, leadershipMs, () =>
      this.#administrator.handOver(),
    );
    this.#waitFor(
      () => [
        ...(this.#stopping ? [] : ["operations go on"]),
        ...this.#unfinished(),
        ...this.#ownerlessLeases(),
      ],
      withinMs,
      () => {
        this.#stopping ||= this.#world.nowMs >= stopMs;
        rotation.look(this.#world.nowMs);
      },
    );
    this.#leadersRotated = rotation.changes;
  }

  /** Whether the node is upgraded at the end: one that joined later may not be given a vote before. */
  #isUpgraded(node: SimulatedNode): boolean {
    const stays = this.#options.versions.stayMixed && node.initialCluster.length > 0;
    return isOlder(node) && !stays && !node.retired;
  }

  /** Names of the members that live. */
  get #liveMembers(): { readonly name: string; readonly id: number }[] {
    const members = this.#members;
    return this.#cluster.live.flatMap(({ name, view }) =>
      view !== undefined && members.has(view.id) ? [{ name, id: view.id }] : [],
    );
  }

  /** Clients of which every member that they were started with is gone may have missed all news of the others. */
  #tellStranded(): void {
    const reachable = new Set(this.#liveMembers.map(({ name }) => clientAddress(name)));
    for (const [process, { names }] of this.#clients) {
      if (this.#startedWith.get(process)?.some((endpoint) => reachable.has(endpoint)) === true) continue;
      for (const client of names) this.#told({ kind: "stranded", client, trueMs: this.#world.nowMs });
    }
  }

  #closingCalls(): void {
    const calls = new ClosingCalls(this.#ids, (event) => this.#told(event));
    for (const { name, id } of this.#liveMembers) {
      const process = new Process(`closing-${name}`, this.#random.fork(id), this.#world.nowMs, (error) =>
        this.#fail(error),
      );
      this.#world.runIn(process, () => {
        calls.make(name, clientAddress(name)).catch((error: unknown) => this.#fail(error));
      });
    }
    const deadlineMs = this.#world.nowMs + CLOSING_CALLS_MAX_MS;
    while (!this.#failed && calls.missing.length > 0) {
      this.#runUntil(this.#world.nowMs + LOOK_INTERVAL_MS);
      if (this.#world.nowMs < deadlineMs) continue;
      throw new NotLive(`${calls.missing.join("; ")}\n${this.#cluster.describe()}`);
    }
  }

  /** A client that was given one member, which is then cut off from it. */
  #plainClient(): void {
    const [given, ...others] = this.#liveMembers;
    if (this.#failed || given === undefined || others.length === 0) return;
    const process = new Process("plain", this.#random.fork(given.id), this.#world.nowMs, (error) =>
      this.#fail(error),
    );
    const client = new PlainClient();
    const cutOff = (): void => {
      this.#network.block([
        [process.host, given.name],
        [given.name, process.host],
      ]);
    };
    this.#world.runIn(process, () => {
      client.run(clientAddress(given.name), cutOff).catch((error: unknown) => this.#fail(error));
    });
    const deadlineMs = this.#world.nowMs + 2 * PLAIN_CALL_MAX_MS;
    while (!this.#failed && client.missing !== undefined) {
      this.#runUntil(this.#world.nowMs + LOOK_INTERVAL_MS);
      if (this.#world.nowMs >= deadlineMs)
        throw new NotLive(`${client.missing}\n${this.#cluster.describe()}`);
    }
  }

  /** So few voters that the others are a majority of every configuration. */
  #minority(): SimulatedNode[] {
    const nodes = [...this.#cluster.nodes.values()].filter(({ retired }) => !retired);
    const voters = this.#cluster.leader?.view?.configuration().voters ?? [];
    const expendable = Math.floor((Math.min(voters.length, nodes.length) - 1) / 2);
    if (nodes.some(({ damaged }) => damaged) || this.#administrator.busy) return [];
    return this.#random
      .shuffled(nodes.filter(({ view }) => voters.includes(view?.id ?? 0)))
      .slice(0, expendable);
  }

  /** Ids of the members, as the leader has them. */
  get #members(): ReadonlySet<number> {
    const { voters = [], learners = [] } = this.#cluster.leader?.view?.configuration() ?? {};
    return new Set([...voters, ...learners]);
  }

  #unfinished(): string[] {
    return [...this.#clients].flatMap(([process, client]) =>
      client.done ? [] : [`${process.host} waits for ${client.pending} operations`],
    );
  }

  #ownerlessLeases(): string[] {
    return this.#observer
      .ownerlessLeases(this.#healedMs, this.#world.nowMs)
      .map((lease) => `lease ${lease} lives, which nobody keeps alive`);
  }

  #unsettled(): string[] {
    const missing = [...this.#unfinished(), ...this.#ownerlessLeases()];
    if (this.#administrator.busy) missing.push(`the administrator waits: ${this.#administrator.doing}`);
    for (const { name, process } of this.#cluster.live) {
      // Members or not: whose clients wait for it hear nothing, and do not know that they should go elsewhere.
      if ((process?.blockedUntilMs ?? 0) > this.#world.nowMs) missing.push(`${name} stands still`);
    }
    const { leader } = this.#cluster;
    if (leader?.view === undefined) return [...missing, "no leader"];
    const members = this.#members;
    for (const node of this.#cluster.nodes.values()) {
      if (node.retired || node.damaged) continue;
      const { view, process } = node;
      if (process?.alive !== true || view === undefined) missing.push(`${node.name} does not run`);
      else if (members.has(view.id) && view.appliedIndex !== leader.view.lastIndex) {
        missing.push(`${node.name} stands at ${view.appliedIndex} of ${leader.view.lastIndex}`);
      }
    }
    return missing;
  }

  #result(startedMs: number): SeedResult {
    const { seed } = this.#options;
    const { trace } = this.#world;
    // What the observer found is the cause; that the observed code stopped at it is only the effect.
    const failure = this.#observer.violation ?? this.#failure;
    const violation =
      failure === undefined
        ? undefined
        : {
            invariant: nameOf(failure),
            message: failure instanceof Error ? failure.message : String(failure),
            details: failure instanceof InvariantViolated ? JSON.stringify(failure.details, shortly) : "",
            stack: failure instanceof Error ? (failure.stack ?? "") : "",
            trace: trace.last(TRACED_EVENTS),
          };
    return {
      seed,
      options: this.#options,
      traceHash: trace.hash,
      violation,
      simulatedMs: this.#world.nowMs,
      realMs: machineClock.now() - startedMs,
      events: this.#world.events,
      messages: this.#network.messages,
      membershipChanges: this.#administrator.changes,
      transfers: this.#administrator.transfers,
      faults: {
        ...Object.fromEntries(this.#nemesis.counts),
        messageLoss: this.#network.lost,
        messageDuplication: this.#network.duplicated,
        messageReordering: this.#network.reordered,
        messageReplay: this.#network.replays.count,
      },
      counts: {
        ...numbersOf(this.#observer.summary),
        leadersRotated: this.#leadersRotated,
        nodesUnheard: this.#cluster.hearing.unheard,
      },
    };
  }
}

function numbersOf(summary: object): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => typeof value === "number"));
}

function nameOf(failure: unknown): string {
  if (failure instanceof InvariantViolated) return failure.invariant;
  return failure instanceof NotLive ? "LIVE" : failure instanceof Unexpected ? failure.kind : "UNEXPECTED";
}

/** LIVE: a healed majority makes progress, every node converges and every pending operation resolves. */
class NotLive extends Error {
  override readonly name = "NotLive";
}

function shortly(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1").slice(0, 60);
  return value;
}
