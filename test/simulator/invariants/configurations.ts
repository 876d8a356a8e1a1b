import { decodeConfiguration, type LogEntry } from "../../../server/src/raft/index.js";
import type { NodeView } from "../observation.js";
import { violated } from "./violation.js";

interface Applied {
  readonly index: number;
  readonly voters: string;
  readonly members: ReadonlySet<number>;
}

/**
 * ES, where the configuration changes: every node counts by the newest configuration of its log. So it is never one older
 * than the last that the node has applied, and one that was applied anywhere has the same voters everywhere.
 */
export class Configurations {
  // By index, rising.
  readonly #applied: Applied[] = [];

  /** A node applied an entry of kind "configuration". */
  applied(entry: LogEntry): void {
    if (entry.index <= (this.#applied.at(-1)?.index ?? 0)) return;
    const { members } = decodeConfiguration(entry.data);
    const voters = members.filter(({ role }) => role === "voter").map(({ id }) => id);
    this.#applied.push({
      index: entry.index,
      voters: voters.join(),
      members: new Set(members.map(({ id }) => id)),
    });
  }

  /** DUR: whoever is told that a member is gone takes its machine away, so an entry that says so is committed. */
  removalTold(nodeId: number): void {
    const newest = this.#applied.at(-1);
    if (newest !== undefined && !newest.members.has(nodeId)) return;
    violated("DUR", `the removal of node ${nodeId} is told as done, and is not committed`, {
      node: nodeId,
      configurationIndex: newest?.index ?? 0,
    });
  }

  check(node: NodeView): void {
    const { configurationIndex, appliedIndex } = node;
    if (configurationIndex > appliedIndex && !node.configurationHeld) {
      violated(
        "ES",
        `node ${node.id} goes by a configuration at ${configurationIndex} that its log does not hold`,
        {
          node: node.id,
          configurationIndex,
          lastIndex: node.lastIndex,
        },
      );
    }
    const newest = this.#applied.findLast(({ index }) => index <= appliedIndex);
    if (newest !== undefined && configurationIndex < newest.index) {
      violated(
        "ES",
        `node ${node.id} goes by the configuration of ${configurationIndex} and has applied ${newest.index}`,
        {
          node: node.id,
          configurationIndex,
          appliedIndex,
        },
      );
    }
    const same = this.#applied.find(({ index }) => index === configurationIndex);
    // An entry at that index that is not committed yet may be another one.
    if (same === undefined || configurationIndex > appliedIndex) return;
    const voters = node.configuration().voters.join();
    if (voters !== same.voters) {
      violated(
        "ES",
        `node ${node.id} takes ${voters} for the voters by entry ${configurationIndex}, not ${same.voters}`,
        {
          node: node.id,
          configurationIndex,
        },
      );
    }
  }
}
