import { violated } from "../invariants/violation.js";

/** A client of the run, as far as its promises go. */
export interface BoundClient {
  readonly name: string;
  /** The era in which it was started. */
  readonly era: number;
  /** The history that it was told first; "" before. */
  readonly history: string;
}

/**
 * HISTORY: what was read, watched or asked in one history is gone on from in no other. An era ends when a cluster loses its
 * data and is formed anew. Each value says in which era and history its writer was.
 */
export class HistoryBook {
  /** When each era that is over ended, in true milliseconds. */
  readonly #ends = new Map<number, number>();

  ended(era: number, trueMs: number): void {
    this.#ends.set(era, trueMs);
  }

  isOver(era: number): boolean {
    return this.#ends.has(era);
  }

  /** What the client writes. */
  valueOf({ era, history }: BoundClient, number: number): string {
    return `${era}/${history}/${number}`;
  }

  /** The client was given a value, by `how`. */
  seen(client: BoundClient, value: string, how: string): void {
    if (value.startsWith(`${client.era}/${client.history}/`)) return;
    violated("HISTORY", `client ${client.name} was given a value of another history by ${how}`, {
      ...{ era: client.era, history: client.history, value },
    });
  }

  /** A call of the client, begun at `sentMs`, was answered, by `how`. */
  answered(client: BoundClient, sentMs: number, how: string): void {
    const endMs = this.#ends.get(client.era);
    if (endMs === undefined || sentMs < endMs) return;
    violated("HISTORY", `client ${client.name} was answered from another history: ${how}`, {
      ...{ era: client.era, history: client.history, sentMs, endMs },
    });
  }

  /** The client was told that the history changed, by `how`. */
  toldOfChange(client: BoundClient, how: string): void {
    if (this.isOver(client.era)) return;
    violated("HISTORY", `client ${client.name} was told by ${how} of a change that did not happen`, {
      ...{ era: client.era, history: client.history },
    });
  }

  /** What the client went on with ended by this code, "" for none, after its era was over. */
  endedBy(client: BoundClient, code: string, how: string): void {
    if (!this.isOver(client.era) || code === "HISTORY_CHANGED") return;
    violated(
      "HISTORY",
      `client ${client.name} was told ${code || "nothing"} by ${how}: not that the history changed`,
      {
        ...{ era: client.era, history: client.history },
      },
    );
  }
}
