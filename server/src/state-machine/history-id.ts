import { Digest, historyIdTag, type StateHash } from "./hash.js";

/**
 * The id of the history that the log is, "" while it has none, as in a cluster whose members are not all new enough to
 * know of it. Revisions, sessions and tokens of another history mean nothing in this one.
 *
 * Invariant: once there is an id, no command changes it. Only whoever makes a new history, from a backup say, gives it
 * another one.
 */
export class HistoryId {
  readonly #hash: StateHash;
  #id = "";
  #changed = false;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  get current(): string {
    return this.#id;
  }

  /** Gives the history its id, unless it has one: of two leaders that proposed one each, the first is heard. */
  begin(id: string): void {
    if (this.#id !== "") return;
    this.#id = id;
    const digest = new Digest();
    digest.start(historyIdTag);
    digest.text(id);
    digest.finish();
    this.#hash.add(digest.a, digest.b);
    this.#changed = true;
  }

  /** The id if it was given since the last call. */
  takeChanged(): string | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return this.#id;
  }

  /** Takes over the id of an earlier life. */
  restore(id: string): void {
    this.begin(id);
    this.#changed = false;
  }
}
