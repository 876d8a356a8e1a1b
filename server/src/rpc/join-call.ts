import { create } from "@bufbuild/protobuf";
import type { handleUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { type JoinRequest, type JoinResponse, JoinResponseSchema } from "@quorate/proto";
import type { Node } from "../node/node.js";
import type { KnownMember } from "../node/roster.js";
import { toMember } from "./cluster-service.js";
import { type Problem, RequestError, toGrpcError } from "./errors.js";

/**
 * Tells a node that is to join which member it is, by name; with an incarnation, claims the member for it through the
 * log. A member that another data directory has claimed is refused, here or, if two claim at once, by the state machine.
 */
export function joinCall(node: Node, clusterId: number): handleUnaryCall<JoinRequest, JoinResponse> {
  return ({ request }, callback) => {
    // The member may have been added a moment ago, at another node.
    node.read((failure) => {
      if (failure !== undefined) callback(toGrpcError(failure));
      else answer(node, clusterId, request, callback);
    });
  };
}

function answer(
  node: Node,
  clusterId: number,
  request: JoinRequest,
  callback: sendUnaryData<JoinResponse>,
): void {
  const { name, incarnation, clientEndpoint } = request;
  const member = node.roster.members().find((known) => known.name === name);
  const problem = member === undefined ? notAdded(name) : claimedBefore(member, incarnation);
  if (member === undefined || problem !== undefined) {
    callback(toGrpcError(problem ?? notAdded(name)));
    return;
  }
  const joined = (): void => {
    callback(
      null,
      create(JoinResponseSchema, { clusterId: BigInt(clusterId), member: toMember(member, node.leader) }),
    );
  };
  if (incarnation === "" || member.record !== undefined) {
    joined();
    return;
  }
  const { id: memberId, address: peerAddress } = member;
  node.submitBody(
    // Format 0: the member itself tells what it understands, as soon as it takes part.
    { kind: "member", memberId, name, peerAddress, clientEndpoint, format: 0, incarnation },
    undefined,
    (outcome) => {
      if (outcome.kind === "failure" || outcome.kind === "error") callback(toGrpcError(outcome));
      else joined();
    },
  );
}

function notAdded(name: string): Problem {
  return new RequestError(
    "MEMBERSHIP_REFUSED",
    `there is no member "${name}": add it first, with \`quorate member add ${name} PEER_HOST:PORT\``,
  );
}

function claimedBefore({ name, record }: KnownMember, incarnation: string): Problem | undefined {
  if (record === undefined || record.incarnation === incarnation) return undefined;
  return new RequestError(
    "MEMBERSHIP_REFUSED",
    `member "${name}" has joined already, with another data directory. If that is lost, remove the member (\`quorate member remove ${name}\`) and add it again`,
  );
}
