import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  ClusterService,
  grpcServiceDefinition,
  type JoinRequest,
  JoinRequestSchema,
  type JoinResponse,
} from "@quorate/proto";
import { peerChannelOptions } from "./peer-link.js";

const { join: method } = grpcServiceDefinition(ClusterService);

/** Milliseconds that one question may take: it may wait for an election. */
const JOIN_MAX_MS = 5_000;

/** How a question at one endpoint ended. */
export type JoinAnswer =
  | { readonly kind: "answered"; readonly response: JoinResponse }
  /** The cluster answered, and its answer is final. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Nobody was reached, or nobody who could tell: another question may succeed. */
  | { readonly kind: "failed"; readonly reason: string };

/** Asks one member, at its client endpoint, which member this node is, or claims it. */
export async function askToJoin(
  endpoint: string,
  request: { readonly name: string; readonly incarnation: string; readonly clientEndpoint: string },
): Promise<JoinAnswer> {
  const client = new Client(endpoint, credentials.createInsecure(), peerChannelOptions);
  try {
    return await new Promise<JoinAnswer>((resolve) => {
      client.makeUnaryRequest<JoinRequest, JoinResponse>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        create(JoinRequestSchema, request),
        new Metadata(),
        { deadline: Date.now() + JOIN_MAX_MS },
        (error: ServiceError | null, response?: JoinResponse) => {
          if (response !== undefined) resolve({ kind: "answered", response });
          else resolve(answerOf(error));
        },
      );
    });
  } finally {
    client.close();
  }
}

function answerOf(error: ServiceError | null): JoinAnswer {
  const reason = error?.details ?? "no answer";
  const code = error?.metadata?.get("quorate-error")[0]?.toString();
  const final = code === "MEMBERSHIP_REFUSED" || code === "INVALID_ARGUMENT";
  return { kind: final ? "refused" : "failed", reason };
}
