import type { KeyRecord } from "./key-record.js";

/**
 * Which versions stopped being current, in the order in which they did: compaction takes them from the front, so it
 * looks at nothing but what it forgets.
 */
export class Supersessions {
  // Two arrays in step; what is before #head was taken.
  #revisions: number[] = [];
  #records: KeyRecord[] = [];
  #head = 0;

  /** The oldest retained version of `record` that is not in the queue yet stopped being current at `revision`. */
  push(revision: number, record: KeyRecord): void {
    this.#revisions.push(revision);
    this.#records.push(record);
  }

  /** Takes the oldest one if its revision is below `revision`. */
  takeBelow(revision: number): KeyRecord | undefined {
    const at = this.#revisions[this.#head];
    if (at === undefined || at >= revision) return undefined;
    const record = this.#records[this.#head];
    this.#head += 1;
    if (this.#head > 1024 && this.#head > this.#revisions.length / 2) {
      this.#revisions = this.#revisions.slice(this.#head);
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    return record;
  }
}
