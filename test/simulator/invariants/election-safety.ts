import type { NodeView } from "../observation.js";
import { violated } from "./violation.js";

/** A leader's time in office, as far as its beginning. */
export interface Leadership {
  readonly nodeId: number;
  readonly sinceMs: number;
}

/** ES: a term has one leader (Raft paper, figure 3), who leads it once. */
export class ElectionSafety {
  readonly #leaders = new Map<number, Leadership>();
  #lastElectionMs = 0;

  /** How many leaders there were. */
  get count(): number {
    return this.#leaders.size;
  }

  /** True time of the last election, 0 before the first. */
  get lastElectionMs(): number {
    return this.#lastElectionMs;
  }

  /** The leader of a term. */
  leaderOf(term: number): Leadership | undefined {
    return this.#leaders.get(term);
  }

  /** A node became the leader of its term. */
  elected({ id, term }: NodeView, trueMs: number): void {
    const other = this.#leaders.get(term);
    if (other !== undefined) {
      const who = other.nodeId === id ? "the same node, a second time" : `node ${id}`;
      violated("ES", `term ${term} is led by node ${other.nodeId} and by ${who}`, {
        term,
        leaders: [other.nodeId, id],
      });
    }
    this.#leaders.set(term, { nodeId: id, sinceMs: trueMs });
    this.#lastElectionMs = trueMs;
  }
}
