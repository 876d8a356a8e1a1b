/** Why a node could not carry out a call, beside the state machine's own refusals. */
export interface Failure {
  readonly kind: "failure";
  readonly code:
    | "NO_QUORUM"
    | "OUTCOME_UNKNOWN"
    | "OVERLOADED"
    | "UNAVAILABLE"
    | "FUTURE_REVISION"
    | "MEMBERSHIP_REFUSED"
    | "INTERNAL";
  readonly message: string;
  /** With FUTURE_REVISION: the current one. */
  readonly revision?: number;
}

export const noQuorum: Failure = {
  kind: "failure",
  code: "NO_QUORUM",
  message:
    "no quorum: this node knows no leader that a majority follows; retry, or bring a majority of the nodes back",
};

export const leaderLost: Failure = {
  kind: "failure",
  code: "OUTCOME_UNKNOWN",
  message: "the leader changed before the outcome was known: the mutation may or may not have been applied",
};

export const handingOver: Failure = {
  kind: "failure",
  code: "NO_QUORUM",
  message: "leadership is being handed over to another node: retry after a moment",
};

export const expiryUndecided: Failure = {
  kind: "failure",
  code: "NO_QUORUM",
  message: "a lease has run out, and whether it ends is not decided yet: retry after a moment",
};

export const leaderOverloaded: Failure = {
  kind: "failure",
  code: "OVERLOADED",
  message: "the leader waits for too many commits: retry after a pause",
};

export const stopping: Failure = {
  kind: "failure",
  code: "UNAVAILABLE",
  message: "this node is stopping: use another one",
};

export function overloaded(what: string, limit: number): Failure {
  return {
    kind: "failure",
    code: "OVERLOADED",
    message: `${what} are at their limit of ${limit}: retry after a pause`,
  };
}

/** The membership or the leader cannot be changed so. `message` says why and what to do first. */
export function membershipRefused(message: string): Failure {
  return { kind: "failure", code: "MEMBERSHIP_REFUSED", message };
}
