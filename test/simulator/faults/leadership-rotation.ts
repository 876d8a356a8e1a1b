import type { SimulatedCluster } from "../cluster/cluster.js";

/** Milliseconds after which a leader that was to give way, and has not, is asked once more. */
const ASK_AGAIN_MS = 1_000;

/** Who leads, and since when nobody else did. */
interface Leadership {
  readonly term: number;
  /** When the leader is to give way, in true time. */
  untilMs: number;
}

/**
 * Leaders that follow each other every few seconds in a cluster where nothing goes wrong: what one leader leaves to the
 * next is in the log alone, and what is never left to it shows nowhere else.
 */
export class LeadershipRotation {
  readonly #cluster: Pick<SimulatedCluster, "leader">;
  readonly #leadershipMs: number;
  readonly #handOver: () => boolean;
  #leadership: Leadership | undefined;
  #changes = 0;

  /** `handOver` has the leader asked to give way to any other voter, and says whether that was begun. */
  constructor(cluster: Pick<SimulatedCluster, "leader">, leadershipMs: number, handOver: () => boolean) {
    this.#cluster = cluster;
    this.#leadershipMs = leadershipMs;
    this.#handOver = handOver;
  }

  /** How many leaders followed the first one. */
  get changes(): number {
    return this.#changes;
  }

  /** To be called every now and then. */
  look(nowMs: number): void {
    const term = this.#cluster.leader?.view?.term;
    if (term === undefined) return;
    if (this.#leadership?.term !== term) {
      if (this.#leadership !== undefined) this.#changes += 1;
      this.#leadership = { term, untilMs: nowMs + this.#leadershipMs };
    } else if (nowMs >= this.#leadership.untilMs && this.#handOver()) {
      this.#leadership.untilMs = nowMs + ASK_AGAIN_MS;
    }
  }
}
