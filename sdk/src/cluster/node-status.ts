import { Role, type StatusResponse } from "@quorate/proto";
import { hexId } from "./member.js";

/** What a node is. */
export type NodeRole = "follower" | "candidate" | "leader" | "learner" | "unknown";

/** A node's own view of itself. */
export interface NodeStatus {
  readonly name: string;
  /** Id of the node, 16 hexadecimal digits. */
  readonly memberId: string;
  /** Id of the cluster, 16 hexadecimal digits. */
  readonly clusterId: string;
  /** Id of the history that its state is of, 16 hexadecimal digits; undefined while it knows none. */
  readonly historyId: string | undefined;
  /** The endpoint it advertises to clients. */
  readonly endpoint: string;
  readonly role: NodeRole;
  /** Its current Raft term. */
  readonly term: number;
  /** Id of the leader it follows; undefined when it knows none. */
  readonly leaderId: string | undefined;
  /** The store's revision at the node. */
  readonly revision: number;
  /** The compacted revision: the oldest that can still be read or watched from. */
  readonly compactedRevision: number;
  /** Index of the last log entry it applied. */
  readonly appliedIndex: number;
  /** Index of the last log entry it knows to be committed. */
  readonly commitIndex: number;
  /** Hash of the state at `appliedIndex`: equal on all nodes at equal applied index. */
  readonly stateHash: string;
  /** The server's version. */
  readonly version: string;
  readonly keyCount: number;
  /** Leases, sessions included. */
  readonly leaseCount: number;
  /** Index of the first entry still in its log. */
  readonly logFirstIndex: number;
  readonly watchCount: number;
  /** The leader does not hear it, though it hears the leader: it serves nothing that needs the leader. */
  readonly unheard: boolean;
}

function roleOf(role: Role): NodeRole {
  switch (role) {
    case Role.FOLLOWER:
      return "follower";
    case Role.CANDIDATE:
      return "candidate";
    case Role.LEADER:
      return "leader";
    case Role.LEARNER:
      return "learner";
    default:
      return "unknown";
  }
}

export function nodeStatus(response: StatusResponse): NodeStatus {
  return {
    name: response.name,
    memberId: hexId(response.memberId),
    clusterId: hexId(response.clusterId),
    historyId: response.historyId === "" ? undefined : response.historyId,
    endpoint: response.endpoint,
    role: roleOf(response.role),
    term: Number(response.term),
    leaderId: response.leaderId === 0n ? undefined : hexId(response.leaderId),
    revision: Number(response.revision),
    compactedRevision: Number(response.compactedRevision),
    appliedIndex: Number(response.appliedIndex),
    commitIndex: Number(response.commitIndex),
    stateHash: response.stateHash,
    version: response.version,
    keyCount: Number(response.keyCount),
    leaseCount: Number(response.leaseCount),
    logFirstIndex: Number(response.logFirstIndex),
    watchCount: Number(response.watchCount),
    unheard: response.unheard,
  };
}
