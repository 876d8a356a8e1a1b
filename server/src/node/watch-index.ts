import type { Change, Key } from "../state-machine/index.js";
import { RangeWatches } from "./range-watches.js";
import type { Watch } from "./watch.js";

/** The live watches, found by a changed key: by the key itself, by each of its ancestors, and by the ranges that hold it. */
export class WatchIndex {
  private readonly exact = new Map<Key, Set<Watch>>();
  private readonly subtrees = new Map<Key, Set<Watch>>();
  private readonly ranges = new RangeWatches<Watch>();

  get isEmpty(): boolean {
    return this.exact.size === 0 && this.subtrees.size === 0 && this.ranges.isEmpty;
  }

  add(watch: Watch): void {
    const { spec } = watch;
    if (spec.kind === "range") {
      this.ranges.add(spec, watch);
      return;
    }
    const index = spec.recursive ? this.subtrees : this.exact;
    const watches = index.get(spec.key);
    if (watches === undefined) index.set(spec.key, new Set([watch]));
    else watches.add(watch);
  }

  /** Takes a watch out; one that is not in it is no error. */
  delete(watch: Watch): void {
    const { spec } = watch;
    if (spec.kind === "range") {
      this.ranges.delete(spec, watch);
      return;
    }
    const index = spec.recursive ? this.subtrees : this.exact;
    const watches = index.get(spec.key);
    if (watches?.delete(watch) && watches.size === 0) index.delete(spec.key);
  }

  /** Offers a change to the watches of each key, subtree and range that holds its key; those that take it are touched. */
  offer(change: Change, touched: Set<Watch>): void {
    const { key } = change;
    offerTo(this.exact.get(key), change, touched);
    if (this.subtrees.size > 0) {
      // The changed key itself, each ancestor, and the root, whose key is empty.
      for (let end = key.length; end >= 0; end = end === 0 ? -1 : key.lastIndexOf("/", end - 1)) {
        offerTo(this.subtrees.get(key.slice(0, end)), change, touched);
      }
    }
    if (this.ranges.isEmpty) return;
    for (const watches of this.ranges.holding(key)) offerTo(watches, change, touched);
  }

  *all(): Generator<Watch> {
    for (const index of [this.exact, this.subtrees]) {
      for (const watches of index.values()) yield* watches;
    }
    yield* this.ranges.all();
  }
}

function offerTo(watches: ReadonlySet<Watch> | undefined, change: Change, touched: Set<Watch>): void {
  if (watches === undefined) return;
  for (const watch of watches) if (watch.take(change)) touched.add(watch);
}
