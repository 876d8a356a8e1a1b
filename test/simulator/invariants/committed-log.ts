import type { NodeView } from "../observation.js";
import { violated } from "./violation.js";

/** How far the log was committed within one term. */
export interface CommittedIn {
  /** The term of the leader who committed. */
  readonly committerTerm: number;
  /** The last entry committed, and that entry's own term. */
  index: number;
  term: number;
}

/**
 * The prefix of the log that some node has known to be committed, and so must stay for ever. Part of SMS: no two nodes
 * hold different entries to be committed at one index.
 */
export class CommittedLog {
  // Term of each entry by index; the position before the first has term 0.
  readonly #terms: number[] = [0];
  readonly #byCommitter: CommittedIn[] = [];

  /** Index of the last entry known to be committed. */
  get index(): number {
    return this.#terms.length - 1;
  }

  /** Term of a committed entry; undefined past the last. */
  termOf(index: number): number | undefined {
    return this.#terms[index];
  }

  /** The furthest that leaders of terms before `term` committed; undefined when they committed nothing. */
  before(term: number): CommittedIn | undefined {
    let furthest: CommittedIn | undefined;
    for (const each of this.#byCommitter) {
      if (each.committerTerm < term && each.index > (furthest?.index ?? 0)) furthest = each;
    }
    return furthest;
  }

  /** A node's commit index went from `from` to where it is now. Returns whether that is news to everyone. */
  advance(node: NodeView, from: number): boolean {
    const known = this.index;
    for (let index = Math.max(from + 1, node.firstIndex); index <= node.commitIndex; index += 1) {
      const term = node.termAt(index);
      if (term === undefined) {
        violated("SMS", `node ${node.id} takes entry ${index} for committed and does not have it`, {
          node: node.id,
          index,
          lastIndex: node.lastIndex,
        });
      }
      const committed = this.#terms[index];
      if (committed === undefined) {
        if (index !== this.index + 1) this.#unknownGap(node, index);
        this.#terms.push(term);
      } else if (committed !== term) {
        violated("SMS", `entry ${index} is committed with term ${committed} and with term ${term}`, {
          index,
          node: node.id,
          terms: [committed, term],
        });
      }
    }
    if (this.index === known) {
      if (node.commitIndex > known) this.#unknownGap(node, node.commitIndex);
      return false;
    }
    this.#note(node.term);
    return true;
  }

  #note(committerTerm: number): void {
    const index = this.index;
    const term = this.#terms[index] ?? 0;
    const last = this.#byCommitter.at(-1);
    if (last?.committerTerm === committerTerm) {
      last.index = index;
      last.term = term;
    } else {
      this.#byCommitter.push({ committerTerm, index, term });
    }
  }

  /** A log can begin only behind what was applied, and so committed, somewhere. */
  #unknownGap(node: NodeView, index: number): never {
    violated(
      "SMS",
      `node ${node.id} takes entry ${index} for committed, and nobody committed what is before it`,
      {
        node: node.id,
        index,
        committed: this.index,
        firstIndex: node.firstIndex,
      },
    );
  }
}
