import type { Applied, StateMachine } from "../../../server/src/state-machine/index.js";
import type { ReferenceHistory } from "./reference-history.js";
import { sameChange, sameEntry, sameResult } from "./same.js";
import { violated } from "./violation.js";

/** HASH: at one applied index all nodes have the same state, and each entry had the same results and changes. */
export class EqualState {
  readonly #hashes = new Map<number, { readonly hash: string; readonly nodeId: number }>();

  /** A node's state has this hash at this index. */
  seen(nodeId: number, index: number, hash: string | undefined): void {
    if (hash === undefined) return;
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { hash, nodeId });
    else if (known.hash !== hash) {
      violated("HASH", `nodes ${known.nodeId} and ${nodeId} differ in their state at index ${index}`, {
        index,
        nodes: [known.nodeId, nodeId],
        hashes: [known.hash, hash],
      });
    }
  }

  /** A node applied an entry with another outcome than the first node. */
  checkOutcome(nodeId: number, index: number, first: Applied, again: Applied): void {
    const same =
      sameList(first.results, again.results, sameResult) &&
      sameList(first.changes, again.changes, sameChange) &&
      sameList(first.leasesGranted, again.leasesGranted, Object.is) &&
      sameList(first.leasesEnded, again.leasesEnded, Object.is);
    if (same) return;
    violated("HASH", `node ${nodeId} applies entry ${index} with another outcome than the first node`, {
      node: nodeId,
      index,
      first,
      again,
    });
  }
}

/**
 * DUR, at the end: the state of a node that has applied everything is the state that the changes add up to, so that
 * every acknowledged write is in it.
 */
export function checkFinalState(nodeId: number, machine: StateMachine, history: ReferenceHistory): void {
  const all = { kind: "range", key: "", end: "", limit: 0, revision: 0 } as const;
  const read = machine.read({ ...all, keysOnly: false, countOnly: false, childrenOf: undefined });
  const entries = read.kind === "range" ? read.entries : [];
  const wrong = entries.find(({ key, entry }) => !sameEntry(entry, history.live.get(key)));
  if (machine.revision === history.revision && entries.length === history.live.size && wrong === undefined)
    return;
  violated("DUR", `node ${nodeId} does not end in the state that the changes add up to`, {
    node: nodeId,
    revisions: [machine.revision, history.revision],
    keys: [entries.length, history.live.size],
    wrong: wrong?.key,
  });
}

function sameList<T>(left: readonly T[], right: readonly T[], same: (left: T, right: T) => boolean): boolean {
  if (left.length !== right.length) return false;
  for (const [position, each] of left.entries()) {
    const other = right[position];
    if (other === undefined || !same(each, other)) return false;
  }
  return true;
}
