import type { ConfigurationAt } from "./configuration.js";
import type { LogEntry } from "./entry.js";

/** What nodes say to each other. The sender travels beside the message, not in it. */
export type Message =
  | AppendEntries
  | AppendEntriesResult
  | Heartbeat
  | HeartbeatResult
  | RequestVote
  | RequestVoteResult
  | ReadIndexRequest
  | ReadIndexResult
  | InstallSnapshot
  | TimeoutNow;

/** Raft paper, section 5.3. */
export interface AppendEntries {
  readonly kind: "appendEntries";
  readonly term: number;
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly commitIndex: number;
  readonly entries: readonly LogEntry[];
}

export interface AppendEntriesResult {
  readonly kind: "appendEntriesResult";
  readonly term: number;
  readonly rejected: boolean;
  /** Accepted: the last index known to match. Rejected: the previousIndex that did not. */
  readonly index: number;
  /** Rejected: where the log may match at best, and the term there. */
  readonly hintIndex: number;
  readonly hintTerm: number;
}

export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly term: number;
  readonly commitIndex: number;
  /** The newest read round that an answer confirms. */
  readonly readRound: number;
  /**
   * The follower's own number that came with the last answer of it that the leader took, 0 for none in this term;
   * undefined of a leader whose version does not say.
   */
  readonly heardTick: number | undefined;
}

export interface HeartbeatResult {
  readonly kind: "heartbeatResult";
  readonly term: number;
  readonly readRound: number;
  /** When the follower sent this, for the leader to give back: a positive number that means nothing to others. */
  readonly tick: number;
}

/** Raft paper, section 5.2; as a pre-vote, thesis section 9.6. */
export interface RequestVote {
  readonly kind: "requestVote";
  readonly term: number;
  readonly preVote: boolean;
  /** The leader itself asked for this election: its being alive is no reason to refuse (thesis, section 4.2.3). */
  readonly transfer: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

export interface RequestVoteResult {
  readonly kind: "requestVoteResult";
  /** Of a granted pre-vote: the term asked for. Otherwise the voter's term. */
  readonly term: number;
  readonly preVote: boolean;
  readonly granted: boolean;
}

/** A follower asks its leader for a read index, thesis section 6.4. `context` is never used twice. */
export interface ReadIndexRequest {
  readonly kind: "readIndex";
  readonly context: number;
}

export interface ReadIndexResult {
  readonly kind: "readIndexResult";
  readonly context: number;
  readonly index: number;
  /** The asked node does not lead, or cannot tell. */
  readonly rejected: boolean;
}

/**
 * A snapshot of a leader of `term`, covering the log up to `lastIndex`, has been received whole. Its content is
 * committed, so it is taken also when that leader's term is over.
 */
export interface InstallSnapshot {
  readonly kind: "installSnapshot";
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The configuration in effect at `lastIndex`. */
  readonly configuration: ConfigurationAt;
}

/** The leader hands over: stand for election at once (thesis, section 3.10). */
export interface TimeoutNow {
  readonly kind: "timeoutNow";
  readonly term: number;
}

/** A message on its way out. */
export interface Outgoing {
  readonly to: number;
  readonly message: Message;
}
