import { HistoryChanged } from "../errors/quorate-error.js";

/** Metadata of unary calls: of a request the history that it goes on from, of an answer the one that it is of. */
export const historyHeader = "quorate-history";

/**
 * Which history a client goes on in: the one that its application named, or else that of the first answer that told one.
 *
 * Invariant: once that is known, every request names it, and no answer of another history is used. Revisions, sessions,
 * leases and tokens of one history are compared with nothing of another.
 */
export class HistoryBinding {
  #id: string;

  /** `history` is the one that the application goes on from. */
  constructor(history?: string) {
    this.#id = history ?? "";
  }

  /** "" while it is not known. */
  get id(): string {
    return this.#id;
  }

  /**
   * What a call is to name whose caller goes on from `wanted`; "" for none.
   * Throws HistoryChanged when the client goes on in another one.
   */
  named(wanted: string | undefined): string {
    if (wanted === undefined) return this.#id;
    if (this.#id === "" || this.#id === wanted) return wanted;
    throw new HistoryChanged(
      `the call goes on from the history ${wanted}, and this client from ${this.#id}: what was read from ${wanted} does not go on here; read anew`,
    );
  }

  /**
   * Takes an answer of `endpoint` in, which told a history, "" for none, to a request that named one, "" for none. Returns
   * why the answer must not be used; undefined when it may be.
   */
  strange(told: string, named: string, endpoint: string): HistoryChanged | undefined {
    // A node that knows of histories serves nobody who names one that is not its own.
    const expected = named === "" ? this.#id : named;
    if (told === "" ? named === "" : expected === "" || told === expected) {
      if (this.#id === "") this.#id = told;
      return undefined;
    }
    return new HistoryChanged(
      `${endpoint} answered from the history ${told || "(it tells none)"}, and this client goes on from ${expected}: the cluster lost its data or was made from a backup, or another cluster answers there; check the endpoints, then connect anew and read anew`,
    );
  }
}
