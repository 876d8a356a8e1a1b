import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { handleUnaryCall, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import {
  type AddMemberRequest,
  type AddMemberResponse,
  AddMemberResponseSchema,
  type MemberSchema,
  type PromoteMemberRequest,
  type PromoteMemberResponse,
  PromoteMemberResponseSchema,
  type RemoveMemberRequest,
  type RemoveMemberResponse,
  RemoveMemberResponseSchema,
  type TransferLeadershipRequest,
  type TransferLeadershipResponse,
  TransferLeadershipResponseSchema,
  type UpdateMemberRequest,
  type UpdateMemberResponse,
  UpdateMemberResponseSchema,
} from "@quorate/proto";
import { ConfigurationError, isMemberName, parseListenAddress } from "../config.js";
import type { AdministeredChange } from "../node/administration.js";
import type { Node } from "../node/node.js";
import { toMember } from "./cluster-service.js";
import { problemOf, RequestError, toGrpcError } from "./errors.js";

/** The calls that change who belongs to the cluster, and who leads it. */
export interface AdministrationCalls {
  readonly addMember: handleUnaryCall<AddMemberRequest, AddMemberResponse>;
  readonly promoteMember: handleUnaryCall<PromoteMemberRequest, PromoteMemberResponse>;
  readonly updateMember: handleUnaryCall<UpdateMemberRequest, UpdateMemberResponse>;
  readonly removeMember: handleUnaryCall<RemoveMemberRequest, RemoveMemberResponse>;
  readonly transferLeadership: handleUnaryCall<TransferLeadershipRequest, TransferLeadershipResponse>;
}

export function administrationCalls(node: Node): AdministrationCalls {
  return {
    addMember: administered(
      node,
      (value) => {
        checkNewMember(value.name, value.peerAddress);
        return { case: "add", value };
      },
      (id) => create(AddMemberResponseSchema, memberPart(node, id)),
    ),
    promoteMember: administered(
      node,
      (value) => ({ case: "promote", value: named(value) }),
      (id) => create(PromoteMemberResponseSchema, memberPart(node, id)),
    ),
    updateMember: administered(
      node,
      (value) => {
        checkPeerAddress(value.peerAddress);
        return { case: "update", value: named(value) };
      },
      (id) => create(UpdateMemberResponseSchema, memberPart(node, id)),
    ),
    removeMember: administered(
      node,
      (value) => ({ case: "remove", value: named(value) }),
      (id) => create(RemoveMemberResponseSchema, { memberId: BigInt(id) }),
    ),
    transferLeadership: administered(
      node,
      (value) => ({ case: "transfer", value }),
      (id) => {
        const { member } = memberPart(node, id);
        const term = BigInt(node.status.term);
        return create(
          TransferLeadershipResponseSchema,
          member === undefined ? { term } : { leader: member, term },
        );
      },
    ),
  };
}

/** A unary call that asks the node for a change, and is answered when the node has applied it. */
function administered<Request, Response>(
  node: Node,
  toChange: (request: Request) => AdministeredChange,
  toResponse: (memberId: number) => Response,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    try {
      node.administer(toChange(call.request), (outcome) => {
        if (outcome.kind === "failure") callback(toGrpcError(outcome));
        else callback(null, toResponse(outcome.memberId));
      });
    } catch (thrown) {
      callback(toGrpcError(problemOf(thrown)));
    }
  };
}

function memberPart(node: Node, id: number): { member?: MessageInitShape<typeof MemberSchema> } {
  const member = node.roster.members().find((known) => known.id === id);
  return member === undefined ? {} : { member: toMember(member, node.leader) };
}

function checkNewMember(name: string, peerAddress: string): void {
  if (!isMemberName(name)) {
    throw new RequestError(
      "INVALID_ARGUMENT",
      'a member\'s name is 1 to 64 letters, digits, "_", "." or "-"',
    );
  }
  checkPeerAddress(peerAddress);
}

function checkPeerAddress(peerAddress: string): void {
  try {
    parseListenAddress(peerAddress, "the peer address");
  } catch (error) {
    if (error instanceof ConfigurationError) throw new RequestError("INVALID_ARGUMENT", error.message);
    throw error;
  }
}

function named<Value extends { readonly member: string }>(value: Value): Value {
  if (value.member === "") throw new RequestError("INVALID_ARGUMENT", "name a member");
  return value;
}
