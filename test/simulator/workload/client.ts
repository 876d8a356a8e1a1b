import { connect, type Quorate, type StateChange } from "@quorate/sdk";
import { KeepAliveConnections } from "../../../sdk/src/lease/keep-alive-connections.js";
import type { OperationRunner } from "../../../sdk/src/session/operation.js";
import { Session } from "../../../sdk/src/session/session.js";
import type { ClientEvent } from "../observation.js";
import type { WorkloadKind } from "../run/options.js";
import type { Random } from "../world/random.js";
import { currentProcess, currentWorld } from "../world/world.js";
import { onAbort } from "./abort-signal.js";
import { runBursts } from "./bursts.js";
import { runElections } from "./elections.js";
import { runLeases } from "./leases.js";
import { runLoad } from "./load.js";
import { runLocks } from "./locks.js";
import { runPatientWaits } from "./patient-waits.js";
import { Recorder, type RunIds } from "./recorder.js";
import { runRegisters } from "./registers.js";
import { runSentinels } from "./sentinels.js";
import { runStrings } from "./strings.js";
import { runVandal } from "./vandal.js";
import { runWatches } from "./watches.js";

/** What a workload's loop works with. */
export interface ClientContext {
  readonly quorate: Quorate;
  /** The endpoints that the client was started with. */
  readonly endpoints: readonly string[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Mean milliseconds between two operations. */
  readonly thinkMs: number;
  /** Whether no new operations are to be begun on this session. */
  readonly stopping: () => boolean;
  /** Whether the whole run ends. */
  readonly ending: () => boolean;
  /** Waits so long, in the client's own time. */
  readonly sleep: (ms: number) => Promise<void>;
}

const loops: Readonly<Record<WorkloadKind, (context: ClientContext) => Promise<void>>> = {
  registers: runRegisters,
  strings: runStrings,
  watches: runWatches,
  locks: runLocks,
  leases: runLeases,
  elections: runElections,
  bursts: runBursts,
  sentinels: runSentinels,
  load: runLoad,
};

export interface ClientOptions {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly workloads: readonly WorkloadKind[];
  readonly sessionTtlMs: number;
  readonly thinkMs: number;
  /** Mean milliseconds between two acts of vandalism on queues; 0 for none. */
  readonly vandalMs: number;
  readonly ids: RunIds;
  readonly tell: (event: ClientEvent) => void;
  readonly stopping: () => boolean;
}

/** Mean milliseconds after which a client closes its session and opens another. */
const SESSION_LIFE_MS = 20_000;

/** A client program: connects, runs its workloads, connects anew when its session is over, and ends when told to. */
export class WorkloadClient {
  /** Operations without an answer, and loops that still run. */
  readonly #recorders = new Set<Recorder>();
  done = false;
  sessions = 0;
  /** Its names in the history, one for each session. */
  readonly names: string[] = [];

  get pending(): number {
    let pending = 0;
    for (const recorder of this.#recorders) pending += recorder.pending;
    return pending;
  }

  async run(options: ClientOptions): Promise<void> {
    observeKeepalives();
    const { random } = currentProcess();
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    while (!options.stopping()) {
      const name = this.sessions === 0 ? options.name : `${options.name}.${this.sessions}`;
      this.sessions++;
      this.names.push(name);
      const recorder = new Recorder(name, options.ids, options.tell);
      this.#recorders.add(recorder);
      const quorate = await this.#connect(recorder, options);
      if (quorate === undefined) {
        await sleep(random.between(50, 500));
        continue;
      }
      keepaliveObservers.set(currentProcess(), recorder);
      const untilMs = performance.now() + random.exponential(SESSION_LIFE_MS);
      const over = (): boolean =>
        options.stopping() || quorate.state === "expired" || performance.now() >= untilMs;
      const { endpoints, thinkMs, stopping: ending, vandalMs } = options;
      const context: ClientContext = {
        ...{ quorate, endpoints, recorder, random, thinkMs, stopping: over, ending, sleep },
      };
      const vandals = vandalMs > 0 ? [runVandal(context, vandalMs), runPatientWaits(context)] : [];
      await Promise.all([...options.workloads.map((kind) => loops[kind](context)), ...vandals]);
      // At the end of the run what is still open stays so, for the last checks.
      if (!options.stopping()) await quorate.close();
    }
    this.done = true;
  }

  async #connect(recorder: Recorder, options: ClientOptions): Promise<Quorate | undefined> {
    const states: { session: number } = { session: 0 };
    const early: StateChange[] = [];
    const sentMs = currentWorld().nowMs;
    try {
      const quorate = await connect(options.endpoints, {
        sessionTtlMs: options.sessionTtlMs,
        requestTimeoutMs: 4_000,
        connectTimeoutMs: 4_000,
        onStateChange: (state) => {
          if (states.session === 0) early.push(state);
          else recorder.tell({ kind: "sessionState", session: states.session, state });
        },
      });
      states.session = quorate.sessionId;
      recorder.outcome = (mutation) => quorate.outcome(mutation);
      recorder.tell({ kind: "leaseGranted", lease: quorate.sessionId, ttlMs: options.sessionTtlMs, sentMs });
      for (const state of early) recorder.tell({ kind: "sessionState", session: states.session, state });
      const lost = (): void => recorder.tell({ kind: "leaseLost", lease: quorate.sessionId });
      onAbort(quorate.sessionSignal, lost);
      return quorate;
    } catch (error) {
      recorder.failed("session", error);
      return undefined;
    }
  }
}

const keepaliveObservers = new WeakMap<object, Recorder>();
const runners = new WeakMap<object, OperationRunner>();
let observing = false;

/** What the operations of the client's session go through, for those that the SDK makes itself; undefined before its first. */
export function sessionRunner(): OperationRunner | undefined {
  return runners.get(currentProcess());
}

/** Keepalives are the SDK's own business; that they were answered is told by looking over its shoulder. */
function observeKeepalives(): void {
  if (observing) return;
  observing = true;
  const { send } = KeepAliveConnections.prototype;
  KeepAliveConnections.prototype.send = async function (this: KeepAliveConnections, ...call) {
    const recorder = keepaliveObservers.get(currentProcess());
    const sentMs = currentWorld().nowMs;
    const answer = await send.apply(this, call);
    if (answer.kind === "answered") {
      const { ttlMs } = answer;
      recorder?.tell({ kind: "keepaliveAnswered", lease: Number(call[1]), sentMs, ttlMs, leases: 1 });
    }
    return answer;
  };
  const { run } = Session.prototype;
  Session.prototype.run = function (this: Session, request, convert, options) {
    runners.set(currentProcess(), this);
    return run.call(this, request, convert, options) as never;
  };
}
