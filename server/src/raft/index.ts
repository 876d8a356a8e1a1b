export type { RaftConfig } from "./config.js";
export type { Role } from "./core.js";
export type { HardState, LogEntry, LogPosition } from "./entry.js";
export { InvariantViolation } from "./invariant.js";
export type { LogStorage } from "./log-storage.js";
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
} from "./message.js";
export { type Proposal, Raft, type RaftStatus } from "./raft.js";
export type { Persist, ReadState, Ready } from "./ready.js";
