import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { handleUnaryCall, Server, sendUnaryData } from "@grpc/grpc-js";
import {
  type GetQuotaRequest,
  type GetQuotaResponse,
  GetQuotaResponseSchema,
  grpcServiceDefinition,
  type ListQuotasRequest,
  type ListQuotasResponse,
  ListQuotasResponseSchema,
  type QuotaSchema,
  type SetQuotaRequest,
  type SetQuotaResponse,
  SetQuotaResponseSchema,
  SpaceService,
  type StatRequest,
  type StatResponse,
  StatResponseSchema,
} from "@quorate/proto";
import { formatOf } from "../node/command-codec-format.js";
import { membershipRefused } from "../node/failure.js";
import type { Node } from "../node/node.js";
import type { Key, QuotaUsage, SetQuota } from "../state-machine/index.js";
import { type Problem, problemOf, toGrpcError } from "./errors.js";
import { allBound } from "./history-binding.js";
import { directoryKeyOf, pathOf } from "./path.js";
import { toFence, wholeNumber } from "./requests.js";
import { statSubtree } from "./subtree-walk.js";

/** What the service takes of a node. */
type MeasuredNode = Pick<Node, "machine" | "read" | "roster" | "submitBody">;

/** Adds the calls about what subtrees hold, and may hold, to a gRPC server. */
export function addSpaceService(server: Server, node: MeasuredNode): void {
  const stat: handleUnaryCall<StatRequest, StatResponse> = ({ request }, callback) =>
    fresh(node, callback, () => {
      const key = directoryKeyOf(request.path);
      return (answer) =>
        statSubtree(
          () => node.machine,
          key,
          (outcome) => {
            if ("kind" in outcome) {
              answer(outcome);
              return;
            }
            const { machine } = node;
            answer(
              create(StatResponseSchema, {
                revision: BigInt(outcome.revision),
                keys: BigInt(outcome.keys),
                bytes: BigInt(outcome.bytes),
                ...quotaPart(machine.quota(key)),
                spaceBytes: BigInt(machine.spaceBytes),
                spaceBytesMax: BigInt(machine.limits.spaceBytesMax),
              }),
            );
          },
        );
    });

  const getQuota: handleUnaryCall<GetQuotaRequest, GetQuotaResponse> = ({ request }, callback) =>
    fresh(node, callback, () => {
      const key = directoryKeyOf(request.path);
      return (answer) => answer(create(GetQuotaResponseSchema, quotaPart(node.machine.quota(key))));
    });

  const listQuotas: handleUnaryCall<ListQuotasRequest, ListQuotasResponse> = (_call, callback) =>
    fresh(node, callback, () => (answer) => {
      const quotas = node.machine.quotas().map(toQuota);
      answer(create(ListQuotasResponseSchema, { quotas }));
    });

  server.addService(
    { ...grpcServiceDefinition(SpaceService) },
    allBound(node, { stat, setQuota: setQuotaCall(node), getQuota, listQuotas }),
  );
}

/** Checks a request, waits until this node's state is fresh, and answers from it. */
function fresh<Response extends object>(
  node: Pick<Node, "read">,
  callback: sendUnaryData<Response>,
  check: () => (answer: (outcome: Response | Problem) => void) => void,
): void {
  try {
    const serve = check();
    const answer = (outcome: Response | Problem): void => {
      if (isProblem(outcome)) callback(toGrpcError(outcome));
      else callback(null, outcome);
    };
    node.read((failure) => (failure === undefined ? serve(answer) : answer(failure)));
  } catch (thrown) {
    callback(toGrpcError(problemOf(thrown)));
  }
}

function isProblem<Response extends object>(outcome: Response | Problem): outcome is Problem {
  return "code" in outcome;
}

function setQuotaCall(node: MeasuredNode): handleUnaryCall<SetQuotaRequest, SetQuotaResponse> {
  return ({ request }, callback) => {
    try {
      const command = toSetQuota(request);
      const fence = toFence(request.fence);
      if (!node.roster.understands(formatOf(command))) {
        callback(toGrpcError(tooOld));
        return;
      }
      node.submitBody(command, fence, (outcome) => {
        if (outcome.kind === "error" || outcome.kind === "failure") {
          callback(toGrpcError(outcome));
          return;
        }
        const revision = BigInt(node.machine.revision);
        callback(
          null,
          create(SetQuotaResponseSchema, { revision, ...quotaPart(node.machine.quota(command.key)) }),
        );
      });
    } catch (thrown) {
      callback(toGrpcError(problemOf(thrown)));
    }
  };
}

const tooOld = membershipRefused(
  "every member must have joined with a version that knows quotas: `quorate member list` shows their formats",
);

function toSetQuota(request: SetQuotaRequest): SetQuota {
  return {
    kind: "quota",
    key: directoryKeyOf(request.path),
    keysMax: wholeNumber(request.keysMax, "the number of keys of a quota"),
    bytesMax: wholeNumber(request.bytesMax, "the number of bytes of a quota"),
  };
}

function quotaPart(quota: QuotaUsage | undefined): { quota?: MessageInitShape<typeof QuotaSchema> } {
  return quota === undefined ? {} : { quota: toQuota(quota) };
}

function toQuota({ key, keysMax, bytesMax, keys, bytes }: QuotaUsage): MessageInitShape<typeof QuotaSchema> {
  return {
    path: directoryPathOf(key),
    keysMax: BigInt(keysMax),
    bytesMax: BigInt(bytesMax),
    keys: BigInt(keys),
    bytes: BigInt(bytes),
  };
}

function directoryPathOf(key: Key): string {
  return key === "" ? "/" : pathOf(key);
}
