import { create } from "@bufbuild/protobuf";
import type { handleUnaryCall, Server } from "@grpc/grpc-js";
import {
  ClusterService,
  grpcServiceDefinition,
  type MembersRequest,
  type MembersResponse,
  MembersResponseSchema,
  Role,
  type StatusRequest,
  type StatusResponse,
  StatusResponseSchema,
} from "@quorate/proto";
import type { Node } from "../node/node.js";
import type { Role as RaftRole } from "../raft/index.js";

/** What the cluster service tells beside what the node knows. */
export interface ClusterIdentity {
  readonly clusterId: number;
  readonly version: string;
  readonly clientEndpoint: string;
  /** Every member as this node was configured. */
  readonly members: readonly { readonly id: number; readonly name: string; readonly address: string }[];
}

const ROLES: Record<RaftRole, Role> = {
  follower: Role.FOLLOWER,
  preCandidate: Role.CANDIDATE,
  candidate: Role.CANDIDATE,
  leader: Role.LEADER,
};

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
        role: ROLES[raft.role],
        term: BigInt(raft.term),
        leaderId: BigInt(raft.leader),
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
      }),
    );
  };

  const members: handleUnaryCall<MembersRequest, MembersResponse> = (_call, callback) => {
    const known = new Map(node.machine.members().map((member) => [member.memberId, member]));
    callback(
      null,
      create(MembersResponseSchema, {
        members: identity.members
          .map(({ id, name, address }) => ({
            memberId: BigInt(id),
            name,
            peerAddress: known.get(id)?.peerAddress ?? address,
            clientEndpoint: known.get(id)?.clientEndpoint ?? "",
            learner: false,
          }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      }),
    );
  };

  server.addService({ ...grpcServiceDefinition(ClusterService) }, { status, members });
}
