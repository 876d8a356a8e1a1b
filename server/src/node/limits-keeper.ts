import type { CommandBody, Limits } from "../state-machine/index.js";
import { formatOf } from "./command-codec-format.js";

/** What the limits keeper works on. */
export interface LimitsParts {
  /** What this node's options say. */
  readonly wanted: Limits;
  /** What the log set last. */
  readonly agreed: () => Limits;
  /** Whether every member understands commands of this format. */
  readonly understood: (format: number) => boolean;
  readonly submit: (body: CommandBody, ended: () => void) => void;
}

/**
 * Makes the leader's limits everybody's, through the log: what a node applies must not depend on its own options. Where
 * nodes are started with different ones, those of the present leader hold.
 */
export class LimitsKeeper {
  private readonly parts: LimitsParts;
  private proposed = false;

  constructor(parts: LimitsParts) {
    this.parts = parts;
  }

  /** To be called by a leader, again and again. */
  tick(): void {
    if (this.proposed || this.agree()) return;
    const command = { kind: "limits", ...this.parts.wanted } as const;
    if (!this.parts.understood(formatOf(command))) return;
    this.proposed = true;
    this.parts.submit(command, () => {
      this.proposed = false;
    });
  }

  /** Leader or term changed: what was proposed may be lost. */
  leaderChanged(): void {
    this.proposed = false;
  }

  private agree(): boolean {
    const { wanted } = this.parts;
    const agreed = this.parts.agreed();
    return (
      agreed.spaceBytesMax === wanted.spaceBytesMax &&
      agreed.sessionResultBytesMax === wanted.sessionResultBytesMax
    );
  }
}
