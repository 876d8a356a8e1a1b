import type { ConfigurationAt } from "./configuration.js";

/** What a Raft node needs to know and may use of the world. */
export interface RaftConfig {
  /** This node's id, a positive number. */
  readonly id: number;
  /**
   * The configuration in effect at the applied index: of the state's snapshot, or the initial one at index 0, the same
   * on every initial member. Empty on a node that is joining: it waits for a leader.
   */
  readonly configuration: ConfigurationAt;
  /** Ticks without a leader's message after which a follower stands for election, before jitter. */
  readonly electionTicks: number;
  /** Ticks between a leader's heartbeats. */
  readonly heartbeatTicks: number;
  /** Bytes of entries in one AppendEntries, at least one entry whatever its size. */
  readonly appendBytesMax: number;
  /** AppendEntries sent to a follower and not yet answered. */
  readonly inflightMessagesMax: number;
  /** Bytes of the same; one message may go beyond. */
  readonly inflightBytesMax: number;
  /** Bytes proposed and not yet committed, beyond which proposals are refused. */
  readonly uncommittedBytesMax: number;
  /** Bytes of entries kept in memory behind the applied index, for followers a little behind. */
  readonly cacheBytesMax: number;
  /** Uniform in [0, 1): the only source of randomness. */
  readonly random: () => number;
}
