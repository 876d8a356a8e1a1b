import type { ClientEvent } from "../observation.js";
import { violated } from "./violation.js";

type SessionEvent = Extract<ClientEvent, { kind: "sessionState" }>;
type State = SessionEvent["state"];

const followers: Readonly<Record<State, readonly State[]>> = {
  connected: ["suspended", "expired", "closed"],
  suspended: ["connected", "expired", "closed"],
  expired: ["closed"],
  closed: [],
};

/** SESSION: a session is connected and suspended in turns until it expires or is closed, and never comes back. */
export class SessionStates {
  readonly #states = new Map<number, State>();
  #expired = 0;

  /** How many sessions a client was told had expired. */
  get expired(): number {
    return this.#expired;
  }

  event({ session, state, client }: SessionEvent): void {
    const before = this.#states.get(session);
    if (before === state) return;
    if (before !== undefined && !followers[before].includes(state)) {
      violated("SESSION", `session ${session} went from ${before} to ${state}`, {
        session,
        client,
        before,
        state,
      });
    }
    this.#states.set(session, state);
    if (state === "expired") this.#expired += 1;
  }
}
