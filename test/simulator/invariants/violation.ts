/** The invariants a run is held to. */
export type InvariantName =
  /** One leader per term. */
  | "ES"
  /** Log matching. */
  | "LM"
  /** A leader holds everything committed. */
  | "LC"
  /** The same command at each applied index. */
  | "SMS"
  /** Nothing regresses. */
  | "MONO"
  /** One process speaks for a member, the newest that a node has heard. */
  | "ID"
  /** What is acknowledged or committed survives. */
  | "DUR"
  /** Each mutation takes effect once. */
  | "EO"
  /** Equal state at equal index. */
  | "HASH"
  /** Linearizable, and definite errors are definite. */
  | "LIN"
  /** A read reflects all that was committed when it began. */
  | "READ"
  /** Watches are ordered, complete, unique and atomic. */
  | "WATCH"
  /** Leases end in time, and nothing outlives them. */
  | "LEASE"
  /** A granted lock is owned, by one client. */
  | "MUTEX"
  /** No stale token is accepted. */
  | "FENCE"
  /** A session's states follow their order. */
  | "SESSION"
  /** While nothing is wrong the leader stays, and everybody is served in time. */
  | "CALM"
  /** While faults last, who sees a majority is served, and what waits in vain ends. */
  | "PROGRESS"
  /** Clients are told documented errors, and none that only a defect explains. */
  | "CODE"
  /** What is of one history is gone on from in no other. */
  | "HISTORY";

/** Something happened that must not. */
export class InvariantViolated extends Error {
  override readonly name = "InvariantViolated";
  readonly invariant: InvariantName;
  /** The numbers and texts behind the message. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(invariant: InvariantName, message: string, details: Readonly<Record<string, unknown>>) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
    this.details = details;
  }
}

/** Throws InvariantViolated. */
export function violated(
  invariant: InvariantName,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): never {
  throw new InvariantViolated(invariant, message, details);
}
