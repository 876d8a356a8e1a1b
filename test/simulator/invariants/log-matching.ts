import type { LogEntry } from "../../../server/src/raft/index.js";
import type { DurableDisk } from "./durable-disk.js";
import { violated } from "./violation.js";

interface Known {
  readonly entry: LogEntry;
  readonly previousTerm: number;
  readonly nodeId: number;
}

/** Indexes fit below it, and terms above: together less than 2^53. */
const indexSpan = 2 ** 32;

/**
 * LM: two logs with an entry of the same index and term hold the same there and everywhere before. It is enough that
 * the same index and term always come with the same contents and the same term before: the rest follows by induction.
 */
export class LogMatching {
  readonly #known = new Map<number, Known>();

  /** Entries are on a disk, which shows the log from before them up to the entry ahead of the first. */
  persisted(disk: DurableDisk, entries: readonly LogEntry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    let previousTerm = disk.termAt(first.index - 1);
    let previousIndex = first.index - 1;
    if (previousTerm === undefined) {
      violated("LM", `node ${disk.nodeId} writes entry ${first.index} to a log that ends elsewhere`, {
        node: disk.nodeId,
        index: first.index,
        logStart: disk.start.index,
        logEnd: disk.lastIndex,
      });
    }
    for (const entry of entries) {
      if (entry.index !== previousIndex + 1 || entry.term < previousTerm) {
        violated("LM", `node ${disk.nodeId}: entry ${entry.index} of term ${entry.term} is out of order`, {
          node: disk.nodeId,
          index: entry.index,
          term: entry.term,
          previousIndex,
          previousTerm,
        });
      }
      this.#compare(disk.nodeId, entry, previousTerm);
      previousTerm = entry.term;
      previousIndex = entry.index;
    }
  }

  #compare(nodeId: number, entry: LogEntry, previousTerm: number): void {
    const name = entry.term * indexSpan + entry.index;
    const known = this.#known.get(name);
    if (known === undefined) {
      this.#known.set(name, { entry, previousTerm, nodeId });
      return;
    }
    const contents = sameContents(known.entry, entry);
    if (contents && known.previousTerm === previousTerm) return;
    const what = contents ? "different terms before it" : "different contents";
    violated("LM", `entry ${entry.index} of term ${entry.term} has ${what} on two nodes`, {
      index: entry.index,
      term: entry.term,
      nodes: [known.nodeId, nodeId],
      previousTerms: [known.previousTerm, previousTerm],
    });
  }
}

/** Whether two entries say the same, whatever their positions. */
export function sameContents(left: LogEntry, right: LogEntry): boolean {
  return left.kind === right.kind && Buffer.compare(left.data, right.data) === 0;
}
