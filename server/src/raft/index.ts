export type { RaftConfig } from "./config.js";
export {
  type Configuration,
  type ConfigurationAt,
  decodeConfiguration,
  encodeConfiguration,
  InvalidConfiguration,
  type Member,
  type MembershipChange,
} from "./configuration.js";
export type { Role } from "./core.js";
export type { HardState, LogEntry, LogPosition } from "./entry.js";
export { InvariantViolation } from "./invariant.js";
export type { LogStorage } from "./log-storage.js";
export { idText } from "./member-id.js";
export type { MembershipChangeResult } from "./membership-change.js";
export type {
  AppendEntries,
  AppendEntriesResult,
  Heartbeat,
  HeartbeatResult,
  InstallSnapshot,
  Message,
  Outgoing,
  ReadIndexRequest,
  ReadIndexResult,
  RequestVote,
  RequestVoteResult,
  TimeoutNow,
} from "./message.js";
export { type FollowerStatus, type Proposal, Raft, type RaftStatus } from "./raft.js";
export type { Persist, ReadState, Ready } from "./ready.js";
export type { TransferResult } from "./transfer.js";
