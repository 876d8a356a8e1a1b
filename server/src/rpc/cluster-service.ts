import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { handleUnaryCall, Server } from "@grpc/grpc-js";
import {
  ClusterService,
  grpcServiceDefinition,
  type MemberSchema,
  type MembersRequest,
  type MembersResponse,
  MembersResponseSchema,
  Role,
  type StatusRequest,
  type StatusResponse,
  StatusResponseSchema,
} from "@quorate/proto";
import type { Node } from "../node/node.js";
import type { KnownMember } from "../node/roster.js";
import { administrationCalls } from "./administration-calls.js";
import { allBound } from "./history-binding.js";
import { joinCall } from "./join-call.js";

/** What the cluster service tells beside what the node knows. */
export interface ClusterIdentity {
  readonly clusterId: number;
  readonly version: string;
  readonly clientEndpoint: string;
}

/** Adds the calls about the cluster itself to a gRPC server. */
export function addClusterService(server: Server, node: Node, identity: ClusterIdentity): void {
  const status: handleUnaryCall<StatusRequest, StatusResponse> = (_call, callback) => {
    const { machine } = node;
    const raft = node.status;
    callback(
      null,
      create(StatusResponseSchema, {
        name: node.name,
        memberId: BigInt(raft.id),
        clusterId: BigInt(identity.clusterId),
        endpoint: identity.clientEndpoint,
        role: roleOf(node),
        term: BigInt(raft.term),
        leaderId: BigInt(raft.leader),
        unheard: raft.unheard,
        revision: BigInt(machine.revision),
        compactedRevision: BigInt(machine.compactedRevision),
        appliedIndex: BigInt(machine.appliedIndex),
        commitIndex: BigInt(raft.commitIndex),
        stateHash: machine.hash,
        version: identity.version,
        keyCount: BigInt(machine.keyCount),
        leaseCount: BigInt(machine.leaseCount),
        logFirstIndex: BigInt(raft.firstIndex),
        watchCount: BigInt(node.watches.count),
        historyId: machine.historyId,
      }),
    );
  };

  const members: handleUnaryCall<MembersRequest, MembersResponse> = (_call, callback) => {
    callback(
      null,
      create(MembersResponseSchema, {
        members: node.roster.members().map((member) => toMember(member, node.leader)),
      }),
    );
  };

  server.addService(
    { ...grpcServiceDefinition(ClusterService) },
    // Status tells the history to who looks for it; a node that is to join goes on from none.
    {
      status,
      ...allBound(node, { members, ...administrationCalls(node) }),
      join: joinCall(node, identity.clusterId),
    },
  );
}

/** A member, for the wire. */
export function toMember(member: KnownMember, leader: number): MessageInitShape<typeof MemberSchema> {
  const { id, name, address, role, readdressed, record } = member;
  return {
    memberId: BigInt(id),
    name,
    // A member tells its address again when it knows of the change, which it may be too late or too dead to hear of.
    peerAddress: readdressed === true ? address : (record?.peerAddress ?? address),
    clientEndpoint: record?.clientEndpoint ?? "",
    learner: role === "learner",
    leader: id === leader,
    format: record?.format ?? 0,
  };
}

function roleOf(node: Node): Role {
  switch (node.status.role) {
    case "leader":
      return Role.LEADER;
    case "preCandidate":
    case "candidate":
      return Role.CANDIDATE;
    case "follower":
      return node.isLearner ? Role.LEARNER : Role.FOLLOWER;
  }
}
