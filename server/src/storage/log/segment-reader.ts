import { SegmentFile, type SegmentFolder } from "./segment-file.js";

/** Reads from the segments of a log. One is open at a time: who reads goes on where he was. */
export class SegmentReader {
  readonly #folder: SegmentFolder;
  #file: SegmentFile | undefined;

  constructor(folder: SegmentFolder) {
    this.#folder = folder;
  }

  read(segment: number, offset: number, bytes: number): Buffer {
    if (this.#file?.number !== segment) {
      this.#file?.close();
      this.#file = undefined;
      this.#file = new SegmentFile(this.#folder, segment, "r");
    }
    return this.#file.read(offset, bytes);
  }

  /** Holds no segment before that one open any more. */
  forget(before: number): void {
    if (this.#file === undefined || this.#file.number >= before) return;
    this.#file.close();
    this.#file = undefined;
  }
}
