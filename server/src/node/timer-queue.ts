/** What is due at a time, in milliseconds; neither field may be changed while it is queued. */
export interface Queued {
  dueMs: number;
  /** Where it is in the queue, -1 for nowhere. For the queue alone. */
  at: number;
}

/** Items by when they are due, the earliest first: a binary heap whose items know their places. */
export class TimerQueue<Item extends Queued> {
  // Invariant: no item is due before its parent, which is at (at - 1) / 2.
  private readonly heap: Item[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** The earliest item. */
  get first(): Item | undefined {
    return this.heap[0];
  }

  push(item: Item): void {
    this.rise(item, this.heap.length);
  }

  /** Takes an item out, wherever it is; one that is not queued is left alone. */
  remove(item: Item): void {
    const { at } = item;
    if (this.heap[at] !== item) return;
    item.at = -1;
    const last = this.heap.pop();
    if (last === undefined || last === item) return;
    if (last.dueMs < item.dueMs) this.rise(last, at);
    else this.sink(last, at);
  }

  /** Puts `item` at the place `at` or above it. */
  private rise(item: Item, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = this.heap[above];
      if (parent === undefined || parent.dueMs <= item.dueMs) break;
      this.place(parent, at);
      at = above;
    }
    this.place(item, at);
  }

  /** Puts `item` at the place `at` or below it. */
  private sink(item: Item, from: number): void {
    let at = from;
    for (;;) {
      const left = this.heap[2 * at + 1];
      const right = this.heap[2 * at + 2];
      const child = left !== undefined && right !== undefined && right.dueMs < left.dueMs ? right : left;
      if (child === undefined || item.dueMs <= child.dueMs) break;
      const below = child.at;
      this.place(child, at);
      at = below;
    }
    this.place(item, at);
  }

  private place(item: Item, at: number): void {
    this.heap[at] = item;
    item.at = at;
  }
}
