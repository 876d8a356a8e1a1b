import type { RaftStatus } from "../raft/index.js";
import type { Fresh } from "./reads.js";

/** Whether a node can serve; if not, why, for people. */
export interface ReadinessState {
  readonly ready: boolean;
  readonly reason: string;
}

/** What readiness takes of its node. */
export interface ReadinessParts {
  readonly status: () => Pick<RaftStatus, "leader" | "unheard" | "commitIndex" | "appliedIndex">;
  /** Calls back when this node has applied everything acknowledged anywhere before now. */
  readonly read: (fresh: Fresh) => void;
  /** Milliseconds between two ticks after which the node stood still so long that others may have gone far ahead. */
  readonly stallMs: number;
}

/**
 * Whether a node has caught up with its leader. Its own commit index does not say: a node that was away learns of what is
 * committed only as far as its log reaches, and with a snapshot to come that is nowhere near. So it asks, once for each
 * leader that it comes to know, as a linearizable read does, until one such question was answered: whoever restarts node
 * after node by this would otherwise stop the next one while too few have caught up for a majority.
 */
export class Readiness {
  private readonly parts: ReadinessParts;
  private caughtUp = false;
  /** Of the question that was not answered yet; questions of before a change of leader count for nothing. */
  private asked: object | undefined;
  private tickedAtMs = 0;

  constructor(parts: ReadinessParts) {
    this.parts = parts;
  }

  /** Another leader, another term, or none. */
  leaderChanged(): void {
    this.leaderLost();
    this.ask();
  }

  /** The leader cannot be reached: it is asked with the next tick, since a question now would be lost like the last one. */
  leaderLost(): void {
    this.caughtUp = false;
    this.asked = undefined;
  }

  /** Time has passed: an unanswered question is asked again, and a node that stood still asks anew. */
  tick(nowMs: number): void {
    const stalled = nowMs - this.tickedAtMs > this.parts.stallMs;
    this.tickedAtMs = nowMs;
    if (stalled) this.leaderChanged();
    else this.ask();
  }

  /** Asks, if there is somebody to ask and something to learn. */
  private ask(): void {
    if (this.caughtUp || this.asked !== undefined || this.parts.status().leader === 0) return;
    const question = {};
    this.asked = question;
    this.parts.read((failure) => {
      if (this.asked !== question) return;
      this.asked = undefined;
      this.caughtUp = failure === undefined;
    });
  }

  get state(): ReadinessState {
    const { leader, unheard, commitIndex, appliedIndex } = this.parts.status();
    if (leader === 0) return { ready: false, reason: "no leader" };
    if (unheard) return { ready: false, reason: "the leader does not hear this node" };
    if (commitIndex > appliedIndex) {
      return { ready: false, reason: `applying entry ${appliedIndex} of ${commitIndex}` };
    }
    if (!this.caughtUp) return { ready: false, reason: "catching up with the leader" };
    return { ready: true, reason: "ok" };
  }
}
