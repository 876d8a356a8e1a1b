import { bounds } from "../config.js";

/** What an entry takes in a message besides its key and value, in bytes: its numbers, tags and lengths. */
export const ENTRY_OVERHEAD_BYTES = 64;

/** What an answer still has room for: the results of a transaction share one. */
export class AnswerRoom {
  private leftBytes: number = bounds.answerBytesMax;

  /** Takes room for so many bytes, if there is so much; a little less or more counts as much. */
  take(bytes: number): boolean {
    if (bytes > this.leftBytes) return false;
    this.leftBytes -= bytes;
    return true;
  }
}
