import type { SetMember, StateMachine } from "../state-machine/index.js";
import type { Done } from "./proposals.js";

/** Milliseconds between two attempts to tell the cluster how to reach this node. */
const INTRODUCTION_INTERVAL_MS = 1_000;

/** What a node tells of itself. */
export type Introduced = Omit<SetMember, "kind" | "peerAddress">;

/** What an introduction takes of its node. */
export interface Introducer {
  readonly machine: StateMachine;
  /** host:port at which this node's peers dial it; "" while it does not know. */
  readonly peerAddress: string;
  submitBody(body: SetMember, fence: undefined, done: Done): void;
  /** The cluster knows this member as another data directory: this node must not go on. */
  disowned(message: string): void;
}

/**
 * Tells the cluster how to reach this node, until the cluster knows: at once when there is a leader to tell, and again
 * when that came to nothing.
 */
export class Introduction {
  private readonly introduced: Introduced;
  private readonly node: Introducer;
  private nextMs = 0;
  private proposed = false;

  constructor(introduced: Introduced, node: Introducer) {
    this.introduced = introduced;
    this.node = node;
  }

  /** Looks whether the cluster knows this node's present record; only while there is a leader. */
  tick(nowMs: number): void {
    const { peerAddress } = this.node;
    if (nowMs < this.nextMs || this.proposed || peerAddress === "") return;
    this.nextMs = nowMs + INTRODUCTION_INTERVAL_MS;
    const record: SetMember = { kind: "member", ...this.introduced, peerAddress };
    if (this.isKnown(record)) return;
    this.proposed = true;
    this.node.submitBody(record, undefined, (outcome) => {
      this.proposed = false;
      if (outcome.kind === "error") this.node.disowned(outcome.message);
    });
  }

  /** There is another leader: a client that asks now where it is should be told. */
  leaderChanged(): void {
    this.nextMs = 0;
  }

  private isKnown(record: SetMember): boolean {
    const known = this.node.machine.member(record.memberId);
    return (
      known !== undefined &&
      known.name === record.name &&
      known.peerAddress === record.peerAddress &&
      known.clientEndpoint === record.clientEndpoint &&
      known.format === record.format &&
      known.incarnation === record.incarnation
    );
  }
}
