import type { CommandBody } from "../state-machine/index.js";
import { formatOf } from "./command-codec-format.js";

/** What the keeper works on. */
export interface HistoryIdParts {
  /** The id that the log gave; "" while there is none. */
  readonly known: () => string;
  /** A random id. */
  readonly fresh: () => string;
  /** Whether every member understands commands of this format. */
  readonly understood: (format: number) => boolean;
  readonly submit: (body: CommandBody, ended: () => void) => void;
}

const HISTORY_ID_FORMAT = formatOf({ kind: "historyId", id: "" });

/**
 * Gives a history without an id one, through the log. The chance is in what the leader proposes, not in how it is applied,
 * so all nodes have the same one.
 */
export class HistoryIdKeeper {
  private readonly parts: HistoryIdParts;
  private proposed = false;

  constructor(parts: HistoryIdParts) {
    this.parts = parts;
  }

  /** To be called by a leader, again and again. */
  tick(): void {
    if (this.proposed || this.parts.known() !== "" || !this.parts.understood(HISTORY_ID_FORMAT)) return;
    this.proposed = true;
    this.parts.submit({ kind: "historyId", id: this.parts.fresh() }, () => {
      this.proposed = false;
    });
  }

  /** Leader or term changed: what was proposed may be lost. */
  leaderChanged(): void {
    this.proposed = false;
  }
}
