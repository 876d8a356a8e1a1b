import { Node } from "../../../server/src/node/node.js";
import { violated } from "../invariants/violation.js";
import type { SimulationOptions } from "../run/options.js";
import type { Process } from "../world/process.js";
import { currentProcess, currentWorld } from "../world/world.js";
import type { SimulatedNode } from "./simulated-node.js";

/** Heartbeats by which what a leader gives back is late. */
const ECHO_HEARTBEATS = 2;
/** How much longer it may take, for clocks that differ and turns that come late. */
const SLACK = 1.5;
const SLACK_MS = 500;

const nodes = new WeakMap<Process, Node>();
/** By the receiving process, when each sender was heard by it as a leader. */
let heard: (from: number, process: Process) => void = () => undefined;

const plainStart = Node.prototype.start;
Node.prototype.start = function (this: Node, peers): void {
  nodes.set(currentProcess(), this);
  plainStart.call(this, peers);
};

const plainReceive = Node.prototype.receive;
Node.prototype.receive = function (this: Node, from, messages): void {
  if (this.status.role === "leader") heard(from, currentProcess());
  plainReceive.call(this, from, messages);
};

/**
 * A node that no leader has heard for longer than it takes to know that, and to give up hope, serves no watch any more:
 * what such a watch misses nobody would ever tell. A node of its own clock and chance, that runs all the while.
 */
export class HearingCheck {
  readonly #silentMsMax: number;
  /** When each member was last heard by a leader, or was one, or could not do anything. */
  readonly #since = new Map<number, number>();
  /** How often a node that nobody heard had to end its watches, so that a run in which none did can be told. */
  unheard = 0;
  readonly #counted = new Set<number>();

  constructor({ electionTimeoutMs, heartbeatMs }: SimulationOptions) {
    // An election timeout and two heartbeats until it knows it, two election timeouts until it ends its watches.
    this.#silentMsMax = (3 * electionTimeoutMs + ECHO_HEARTBEATS * heartbeatMs) * SLACK + SLACK_MS;
    heard = (from) => this.#since.set(from, currentWorld().nowMs);
  }

  /** Looks at a node that lives; often enough to see it before it can be silent for too long. */
  look({ id, name, process, view }: SimulatedNode, nowMs: number): void {
    if (id === undefined || process === undefined || view === undefined) return;
    const node = nodes.get(process);
    const isIdle = process.blockedUntilMs > nowMs || node === undefined || view.role === "leader";
    if (isIdle || !this.#since.has(id)) this.#since.set(id, nowMs);
    const silentMs = nowMs - (this.#since.get(id) ?? nowMs);
    if (silentMs <= this.#silentMsMax) {
      this.#counted.delete(id);
      return;
    }
    if (!this.#counted.has(id)) this.unheard++;
    this.#counted.add(id);
    const watches = node?.watches.count ?? 0;
    if (watches === 0) return;
    violated("WATCH", `${name} keeps ${watches} watches, and no leader has heard it for ${silentMs} ms`, {
      ...{ node: name, watches, silentMs, term: view.term, leader: view.leader },
    });
  }
}
