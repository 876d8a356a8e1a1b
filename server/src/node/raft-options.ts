import { bounds } from "../config.js";
import type { ConfigurationAt, RaftConfig } from "../raft/index.js";
import type { NodeOptions } from "./node-options.js";

/** Ticks of Raft's clock in one heartbeat: fine enough for election timeouts to differ. */
const TICKS_PER_HEARTBEAT = 4;

/** Milliseconds of one tick of Raft's clock. */
export function tickMsOf({ heartbeatMs }: NodeOptions): number {
  return heartbeatMs / TICKS_PER_HEARTBEAT;
}

/** Raft's own configuration, from a node's options; `configuration` is the cluster's as of the applied index. */
export function raftConfigOf(options: NodeOptions, configuration: ConfigurationAt): RaftConfig {
  return {
    id: options.identity.memberId,
    configuration,
    heartbeatTicks: TICKS_PER_HEARTBEAT,
    electionTicks: Math.ceil(options.electionTimeoutMs / tickMsOf(options)),
    appendBytesMax: bounds.appendBytesMax,
    inflightMessagesMax: bounds.appendInFlightMax,
    inflightBytesMax: bounds.appendInFlightBytesMax,
    uncommittedBytesMax: bounds.uncommittedBytesMax,
    cacheBytesMax: bounds.logCacheBytesMax,
    random: Math.random,
  };
}
