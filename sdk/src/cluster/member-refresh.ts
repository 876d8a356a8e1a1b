import { bounds } from "../client/options.js";

/**
 * When a client asks who the members are though its application does not: a session's stream tells of every change, unary
 * calls and watches tell of none, and a client that was given the nodes of long ago would be lost once they are gone. It
 * asks the node that has just served it, now and then, and only while it is in use: no timer runs for it.
 */
export class MemberRefresh {
  readonly #ask: (endpoint: string) => Promise<unknown>;
  #dueAtMs = Number.NEGATIVE_INFINITY;
  #asking = false;

  /** `ask` has the members listed by the node at an endpoint, and what it says learned. */
  constructor(ask: (endpoint: string) => Promise<unknown>) {
    this.#ask = ask;
  }

  /** The members were listed, whoever asked. */
  learned(nowMs: number): void {
    this.#dueAtMs = nowMs + bounds.membersRefreshMs;
  }

  /** The node at `endpoint` has answered a call, or told something new on a watch. */
  served(endpoint: string, nowMs: number): void {
    if (this.#asking || nowMs < this.#dueAtMs) return;
    this.#asking = true;
    this.learned(nowMs);
    this.#ask(endpoint).then(
      () => {
        this.#asking = false;
      },
      // The next time will do: what is known goes on being used.
      () => {
        this.#asking = false;
      },
    );
  }
}
