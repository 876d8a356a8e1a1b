import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";

/** What one node's disk is known to hold, whatever its process believes. */
export class DurableDisk {
  readonly nodeId: number;
  term = 0;
  vote = 0;
  /** Whether a fault destroyed all of it. */
  destroyed = false;
  /** The state on disk has this applied index. */
  stateIndex = 0;
  #start: LogPosition = { index: 0, term: 0 };
  // Terms of the entries after the start.
  #terms: number[] = [];
  // What faults destroyed: terms by index after a start.
  readonly #lost: { readonly start: number; readonly terms: readonly number[] }[] = [];

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }

  /** The position before the first entry. */
  get start(): LogPosition {
    return this.#start;
  }

  get lastIndex(): number {
    return this.#start.index + this.#terms.length;
  }

  /** Term of an entry, the start's included; undefined outside the log. */
  termAt(index: number): number | undefined {
    if (index === this.#start.index) return this.#start.term;
    return this.#terms[index - this.#start.index - 1];
  }

  /** Whether it has the entry of that index and term, in the log or in the state that took the log's place. */
  holds(index: number, term: number): boolean {
    return index < this.#start.index || this.termAt(index) === term;
  }

  /** Whether it has the entry, or had it until a fault destroyed it. */
  held(index: number, term: number): boolean {
    if (this.holds(index, term)) return true;
    return this.#lost.some(({ start, terms }) => index <= start || terms[index - start - 1] === term);
  }

  setHardState({ term, vote }: HardState): void {
    this.term = term;
    this.vote = vote;
  }

  /** Writes entries; those from the first one's index on are replaced. */
  write(entries: readonly LogEntry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#terms.length = Math.min(this.#terms.length, Math.max(0, first.index - this.#start.index - 1));
    for (const entry of entries) this.#terms.push(entry.term);
  }

  /** Forgets the entries up to `start`. */
  cut(start: LogPosition): void {
    if (start.index <= this.#start.index) return;
    this.#terms = this.#terms.slice(start.index - this.#start.index);
    this.#start = start;
  }

  /** A snapshot took the place of everything but the hard state. */
  install(position: LogPosition): void {
    this.#terms = [];
    this.#start = position;
    this.stateIndex = position.index;
  }

  /** The entries from `fromIndex` on are gone; with 0 everything is. */
  lose(fromIndex: number): void {
    this.#lost.push({ start: this.#start.index, terms: [...this.#terms] });
    if (fromIndex > 0) {
      this.#terms.length = Math.min(this.#terms.length, Math.max(0, fromIndex - this.#start.index - 1));
      return;
    }
    this.destroyed = true;
    this.#terms = [];
    this.#start = { index: 0, term: 0 };
    this.stateIndex = 0;
    this.term = 0;
    this.vote = 0;
  }
}
