import type { KeyRecord } from "./key-record.js";

/**
 * Which versions stopped being current, in the order in which they did: compaction takes them from the front, so it
 * looks at nothing but what it forgets.
 */
export class Supersessions {
  // Arrays in step; what is before #head was taken.
  #revisions: number[] = [];
  #records: KeyRecord[] = [];
  #bytes: number[] = [];
  #head = 0;
  /** Bytes of the version that was taken last. */
  takenBytes = 0;

  /** The oldest retained version of `record` that is not in the queue yet, of so many bytes, stopped being current at `revision`. */
  push(revision: number, record: KeyRecord, bytes: number): void {
    this.#revisions.push(revision);
    this.#records.push(record);
    this.#bytes.push(bytes);
  }

  /** Takes the oldest one if its revision is below `revision`. */
  takeBelow(revision: number): KeyRecord | undefined {
    const at = this.#revisions[this.#head];
    if (at === undefined || at >= revision) return undefined;
    const record = this.#records[this.#head];
    this.takenBytes = this.#bytes[this.#head] ?? 0;
    this.#head += 1;
    if (this.#head > 1024 && this.#head > this.#revisions.length / 2) {
      this.#revisions = this.#revisions.slice(this.#head);
      this.#records = this.#records.slice(this.#head);
      this.#bytes = this.#bytes.slice(this.#head);
      this.#head = 0;
    }
    return record;
  }
}
