import type { NodeView } from "../observation.js";
import type { CommittedLog } from "./committed-log.js";
import { violated } from "./violation.js";

/**
 * READ: a linearizable read reflects everything that was committed anywhere when it began. Judged where it is decided,
 * since what a client happens to see of a stale read is little: it must ask for the very path that changed.
 *
 * Why it holds of every commit, acknowledged or not: whoever confirms the read was answered by a majority after it began,
 * so no later leader can have committed before; what earlier ones committed is below the first entry of the leader's own
 * term, which is committed before it confirms anything; and its own commits it knows.
 */
export class ReadFreshness {
  readonly #committed: CommittedLog;
  /** By the asking node and its context: the last entry that was committed anywhere when the read began. */
  readonly #began = new Map<string, number>();
  confirmed = 0;

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  /** The last entry that a read which begins now must reflect. */
  get floor(): number {
    return this.#committed.index;
  }

  /** A node asks for an index for its reads. A context that is used again would be answered as of the first time. */
  began(nodeId: number, context: number): void {
    this.#began.set(`${nodeId} ${context}`, this.floor);
  }

  /** A leader confirms that a node's reads may be served as of an index. */
  confirms(leaderId: number, nodeId: number, context: number, index: number): void {
    this.confirmed += 1;
    const floor = this.#began.get(`${nodeId} ${context}`) ?? 0;
    if (index >= floor) return;
    violated("READ", `node ${leaderId} confirms a read at ${index} that began when ${floor} was committed`, {
      ...{ leader: leaderId, node: nodeId, context, index, committed: floor },
    });
  }

  /** A node serves a read that began when `floor` was the last committed entry. */
  served(node: NodeView, floor: number): void {
    if (node.appliedIndex >= floor) return;
    violated(
      "READ",
      `node ${node.id} serves a read at ${node.appliedIndex} that began when ${floor} was committed`,
      {
        ...{ node: node.id, applied: node.appliedIndex, committed: floor },
      },
    );
  }
}
