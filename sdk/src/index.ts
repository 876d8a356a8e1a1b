// The public API. Everything else is internal.
export { connect } from "./client/connect.js";
export type { CallOptions, ConnectionState, ConnectOptions, StateChange } from "./client/options.js";
export type { Quorate } from "./client/quorate.js";
export type { Cluster } from "./cluster/cluster.js";
export type { Member } from "./cluster/member.js";
export type { NodeRole, NodeStatus } from "./cluster/node-status.js";
export type { BackoffOptions } from "./endpoints/backoff.js";
export {
  Cancelled,
  Closed,
  Compacted,
  CompareFailed,
  DeadlineExceeded,
  Fenced,
  FutureRevision,
  HistoryChanged,
  Internal,
  InvalidArgument,
  KeyNotFound,
  LeaseExists,
  LeaseNotFound,
  LeasesExceeded,
  MembershipRefused,
  type MutationId,
  NoQuorum,
  type Outcome,
  OutcomeUnknown,
  Overloaded,
  QuorateError,
  type QuorateErrorCode,
  QuotaExceeded,
  SequenceForgotten,
  SessionExpired,
  SessionFull,
  SpaceExceeded,
  TooLarge,
  Unavailable,
} from "./errors/quorate-error.js";
export type { Entry } from "./kv/entry.js";
export type { HistoryOptions, Version } from "./kv/history.js";
export type {
  DeleteOptions,
  LeaseChoice,
  ListOptions,
  MutationOptions,
  Ownership,
  PutOptions,
  ReadOptions,
} from "./kv/options.js";
export type {
  DeleteOutcome,
  GetOutcome,
  ListedNode,
  Listing,
  PutOutcome,
  TxnOutcome,
  TxnResult,
} from "./kv/outcome.js";
export { compare, op, type TxnBranches, type TxnCompare, type TxnOp, type TxnSpec } from "./kv/txn.js";
export type { Walk, WalkOptions } from "./kv/walk.js";
export type { CampaignOptions, Leadership } from "./leader/leadership.js";
export type { Leader, ObserveOptions } from "./leader/observe.js";
export type { Lease } from "./lease/lease.js";
export type { LeaseInfo, LeaseStatus, Leases } from "./lease/leases.js";
export type { Lock, LockOptions } from "./locks/lock.js";
export type { AcquireOptions } from "./ownership/queue-client.js";
export type { MutationOutcome, MutationResult } from "./session/mutation-outcome.js";
export type { Quota, QuotaLimits, Quotas, SubtreeStat } from "./space/space.js";
export type {
  ProgressWatchOptions,
  Watch,
  WatchEvent,
  WatchOptions,
  WatchProgress,
} from "./watch/watch-event.js";
