import { create } from "@bufbuild/protobuf";
import type { handleUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { type JoinRequest, type JoinResponse, JoinResponseSchema } from "@quorate/proto";
import { replaceWords } from "../node/directory-words.js";
import { firstMemberJoins, isFirstMember } from "../node/first-members.js";
import type { Node } from "../node/node.js";
import type { KnownMember } from "../node/roster.js";
import { toMember } from "./cluster-service.js";
import { type Problem, RequestError, toGrpcError } from "./errors.js";

/**
 * Tells a node that is to join which member it is, by name; with an incarnation, claims the member for it through the
 * log. A member that another data directory has claimed is refused, here or, if two claim at once, by the state machine.
 *
 * Invariant: this door gives nobody an id that may have voted. An id that was added votes only after its claim is in the
 * log, which is asked. A first member votes once the other first members have noted its incarnation, long before its
 * record is in the log and where a member that came later cannot look: so a first member never comes in by this door.
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
  const problem =
    member === undefined
      ? notAdded(name)
      : (firstMember(member, clusterId) ?? claimedBefore(node, member, incarnation));
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

function firstMember({ id, name }: KnownMember, clusterId: number): Problem | undefined {
  if (!isFirstMember(clusterId, id, name)) return undefined;
  return new RequestError("MEMBERSHIP_REFUSED", firstMemberJoins(name));
}

function claimedBefore(node: Node, { id, name }: KnownMember, incarnation: string): Problem | undefined {
  if (node.roster.otherIncarnationOf(id, incarnation) === undefined) return undefined;
  return new RequestError(
    "MEMBERSHIP_REFUSED",
    `member "${name}" has joined already, with another data directory. If that is lost, ${replaceWords(name)}`,
  );
}
