import type { ConnectionState, StateChange } from "../client/options.js";

/**
 * Where a session stands, and what its application is told of it. Invariant: the reports are `connected` once, then
 * `suspended` and `resumed` in turns, then `expired` or `closed`, or one after the other; nothing follows them, and
 * nothing is told twice.
 */
export class SessionStates {
  readonly #report: (change: StateChange) => void;
  #state: ConnectionState = "suspended";
  #everConnected = false;

  constructor(report: (change: StateChange) => void) {
    this.#report = report;
  }

  get current(): ConnectionState {
    return this.#state;
  }

  /** Whether nothing but `closed` can follow any more. */
  get over(): boolean {
    return this.#state === "expired" || this.#state === "closed";
  }

  /** There is a stream that carries the session. Returns what that changed. */
  connected(): StateChange | undefined {
    if (this.#state !== "suspended") return undefined;
    this.#state = "connected";
    const change = this.#everConnected ? "resumed" : "connected";
    this.#everConnected = true;
    this.#report(change);
    return change;
  }

  /** The stream is lost. */
  suspended(): void {
    if (this.#state !== "connected") return;
    this.#state = "suspended";
    this.#report("suspended");
  }

  /** The session is over. One that expired can still be closed. */
  ended(state: "expired" | "closed"): void {
    if (this.#state === "closed" || this.#state === state) return;
    this.#state = state;
    this.#report(state);
  }
}
