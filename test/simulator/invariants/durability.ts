import type { LogPosition } from "../../../server/src/raft/index.js";
import type { Membership, NodeView } from "../observation.js";
import type { CommittedLog } from "./committed-log.js";
import type { DurableDisk } from "./durable-disk.js";
import { violated } from "./violation.js";

/** DUR, on the disks: what is committed is durable on a quorum, and a disk that has it keeps it. */
export class Durability {
  readonly #committed: CommittedLog;
  readonly #disks: ReadonlyMap<number, DurableDisk>;

  constructor(committed: CommittedLog, disks: ReadonlyMap<number, DurableDisk>) {
    this.#committed = committed;
    this.#disks = disks;
  }

  /**
   * A node was the first to know that the log is committed up to its commit index: then that entry, and by log matching
   * everything before it, is durable on a quorum of the configuration by which the node counted. That is the one before
   * the step or the one after it. A disk that a fault destroyed after it had the entry counts: its node may have
   * acknowledged the entry before.
   */
  committed(node: NodeView, before: Membership): void {
    const index = this.#committed.index;
    const term = this.#committed.termOf(index) ?? 0;
    const after = node.configuration();
    if (this.#onQuorum(after, index, term) || this.#onQuorum(before, index, term)) return;
    const holders = [...this.#disks.values()].filter((disk) => disk.held(index, term));
    violated("DUR", `entry ${index} is committed and not durable on a quorum`, {
      node: node.id,
      index,
      term,
      voters: after.voters,
      durableOn: holders.map(({ nodeId }) => nodeId),
    });
  }

  #onQuorum({ voters }: Membership, index: number, term: number): boolean {
    let holders = 0;
    for (const voter of voters) if (this.#disks.get(voter)?.held(index, term) === true) holders += 1;
    return holders * 2 > voters.length;
  }

  /**
   * The last entry that a disk holds and must keep: of those committed by leaders up to the disk's own term. A leader of a
   * later term did not count this disk, and the leader of this one may still replace what the later one committed.
   */
  lastCountedOn(disk: DurableDisk): LogPosition | undefined {
    return this.#lastOn(disk, this.#committed.before(disk.term + 1)?.index ?? 0);
  }

  /** The last entry up to `index` that a disk holds of what is committed; undefined when there is none past its start. */
  #lastOn(disk: DurableDisk, upTo: number): LogPosition | undefined {
    for (let index = Math.min(disk.lastIndex, upTo); index > disk.start.index; index -= 1) {
      const term = this.#committed.termOf(index) ?? 0;
      if (disk.termAt(index) === term) return { index, term };
    }
    return undefined;
  }

  /** A disk was written to: it still has to hold the entry that it had to keep before. */
  checkKept(disk: DurableDisk, held: LogPosition | undefined, by: string): void {
    if (held === undefined || disk.holds(held.index, held.term)) return;
    violated("DUR", `node ${disk.nodeId}: ${by} destroyed committed entry ${held.index}`, {
      node: disk.nodeId,
      ...held,
      logStart: disk.start.index,
      logEnd: disk.lastIndex,
    });
  }

  /** The log may forget only what the state on disk holds. */
  checkCut(disk: DurableDisk, start: LogPosition): void {
    if (start.index <= disk.stateIndex) return;
    violated(
      "DUR",
      `node ${disk.nodeId} cuts its log at ${start.index}, its state on disk is at ${disk.stateIndex}`,
      {
        node: disk.nodeId,
        start: start.index,
        stateIndex: disk.stateIndex,
      },
    );
  }

  /** A node that starts has every committed entry that its disk holds. */
  checkBoot(node: NodeView, disk: DurableDisk): void {
    const held = this.#lastOn(disk, this.#committed.index);
    if (held !== undefined && held.index >= node.firstIndex && node.termAt(held.index) !== held.term) {
      violated("DUR", `node ${node.id} starts without committed entry ${held.index}, which its disk holds`, {
        node: node.id,
        ...held,
        firstIndex: node.firstIndex,
        lastIndex: node.lastIndex,
      });
    }
    if (node.appliedIndex < node.firstIndex - 1) {
      violated(
        "DUR",
        `node ${node.id} starts at applied index ${node.appliedIndex}, its log at ${node.firstIndex}`,
        {
          node: node.id,
          appliedIndex: node.appliedIndex,
          firstIndex: node.firstIndex,
        },
      );
    }
  }
}
