import { randomBytes } from "node:crypto";
import type { SegmentFolder } from "./segment-file.js";

/**
 * Has the next segment ready before it is needed: to make one takes some ten milliseconds, in which nothing could be
 * written.
 */
export class SegmentSupply {
  readonly #folder: SegmentFolder;
  readonly #segmentBytes: number;
  /** Number of the segment that is being made. */
  #making: number | undefined;
  /** Number of the one that is ready. */
  #ready: number | undefined;
  /** Resolves when nothing is under way in the background. */
  idle: Promise<void> = Promise.resolve();

  constructor(folder: SegmentFolder, segmentBytes: number) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
  }

  /** Begins to make a segment, unless that was done. If it fails, it is made when it is needed, or fails again there. */
  prepare(number: number): void {
    if (this.#making === number || this.#ready === number) return;
    this.#making = number;
    const wanted = (): boolean => this.#making === number;
    const made = this.#folder.makeLater(number, this.#segmentBytes, unique(), wanted).then(
      () => {
        if (!wanted()) return;
        this.#making = undefined;
        this.#ready = number;
      },
      () => {
        if (wanted()) this.#making = undefined;
      },
    );
    this.idle = Promise.all([this.idle, made]).then(() => undefined);
  }

  /** Makes sure that there is a segment with room for so many bytes, durably. Returns how many it has. */
  take(number: number, bytesMin: number): number {
    const isReady = this.#ready === number && bytesMin <= this.#segmentBytes;
    this.stop();
    const bytes = Math.max(this.#segmentBytes, bytesMin);
    if (!isReady) this.#folder.make(number, bytes, unique());
    return bytes;
  }

  /** Makes no more; what is under way is dropped. */
  stop(): void {
    this.#making = undefined;
    this.#ready = undefined;
  }
}

/** No other maker of a segment has it. */
export function unique(): string {
  return randomBytes(8).toString("hex");
}
