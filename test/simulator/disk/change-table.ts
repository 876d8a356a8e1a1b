import type { Change } from "../../../server/src/state-machine/index.js";

/** Empty rows below which a table is not worth cutting. */
const EMPTY_ROWS_MIN = 64;

/** The history, one row a change, by number. Rows are appended in order, and emptied by compaction. */
export class ChangeTable {
  // Two arrays of one length: the numbers rise, and a row is undefined once it was deleted.
  #seqs: number[];
  #rows: (Change | undefined)[];
  #empty: number;

  constructor(changes: readonly Change[] = []) {
    this.#seqs = changes.map(({ seq }) => seq);
    this.#rows = [...changes];
    this.#empty = 0;
  }

  copy(): ChangeTable {
    return new ChangeTable([...this.all()]);
  }

  /** The highest number a row was ever appended under, 0 for none. */
  get lastSeq(): number {
    return this.#seqs[this.#seqs.length - 1] ?? 0;
  }

  append(change: Change): void {
    this.#seqs.push(change.seq);
    this.#rows.push(change);
  }

  delete(seq: number): void {
    const at = this.#find((_, each) => each >= seq);
    if (this.#seqs[at] !== seq || this.#rows[at] === undefined) return;
    this.#rows[at] = undefined;
    this.#empty += 1;
    if (this.#empty > EMPTY_ROWS_MIN && this.#empty > this.#rows.length / 2) this.#cut();
  }

  get(seq: number): Change | undefined {
    const at = this.#find((_, each) => each >= seq);
    return this.#seqs[at] === seq ? this.#rows[at] : undefined;
  }

  /** The rows from the first one of `revision` or later on, in order. */
  *from(revision: number): Generator<Change> {
    // Revisions rise with the numbers, but an empty row has forgotten its own: its next neighbour speaks for it.
    const first = this.#find((at) => {
      const next = this.#next(at);
      return next === undefined || next.revision >= revision;
    });
    for (let at = first; at < this.#rows.length; at += 1) {
      const row = this.#rows[at];
      if (row !== undefined) yield row;
    }
  }

  /** Every row, in order. */
  *all(): Generator<Change> {
    for (const row of this.#rows) if (row !== undefined) yield row;
  }

  #next(from: number): Change | undefined {
    for (let at = from; at < this.#rows.length; at += 1) {
      const row = this.#rows[at];
      if (row !== undefined) return row;
    }
    return undefined;
  }

  /** The first place of which `reached` is true, as it is of all after it. */
  #find(reached: (at: number, seq: number) => boolean): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (reached(middle, this.#seqs[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #cut(): void {
    const last = this.#rows.length - 1;
    // The last number stays, full or empty: what is appended next must be above it.
    this.#seqs = this.#seqs.filter((_, at) => this.#rows[at] !== undefined || at === last);
    this.#rows = this.#rows.filter((row, at) => row !== undefined || at === last);
    this.#empty = this.#rows[this.#rows.length - 1] === undefined ? 1 : 0;
  }
}
