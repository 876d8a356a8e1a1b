import type { ClientEvent } from "../observation.js";
import { violated } from "./violation.js";

type SessionEvent = Extract<ClientEvent, { kind: "sessionState" }>;
type State = SessionEvent["state"];

const followers: Readonly<Record<State, readonly State[]>> = {
  connected: ["suspended", "expired", "closed"],
  suspended: ["resumed", "expired", "closed"],
  resumed: ["suspended", "expired", "closed"],
  expired: ["closed"],
  closed: [],
};

/**
 * SESSION: a session is connected once, then suspended and resumed in turns, until it expires or is closed, and never
 * comes back. Nothing is told twice.
 */
export class SessionStates {
  readonly #states = new Map<number, State>();
  #expired = 0;

  /** How many sessions a client was told had expired. */
  get expired(): number {
    return this.#expired;
  }

  event({ session, state, client }: SessionEvent): void {
    const before = this.#states.get(session);
    const isFirst = before === undefined;
    if (isFirst ? state !== "connected" : !followers[before].includes(state)) {
      violated("SESSION", `session ${session} went from ${before ?? "nothing"} to ${state}`, {
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
