import { create } from "@bufbuild/protobuf";
import type { Client, handleUnaryCall, Server, ServiceError } from "@grpc/grpc-js";
import {
  type AcquaintRequest,
  AcquaintRequestSchema,
  type AcquaintResponse,
  AcquaintResponseSchema,
  grpcServiceDefinition,
  PeerService,
} from "@quorate/proto";
import type { Logger } from "pino";
import { type Admission, type Handshake, handshakeMetadata, identify } from "./handshake.js";

const { acquaint: method } = grpcServiceDefinition(PeerService);

/** Milliseconds that one question may take. */
const ACQUAINT_MAX_MS = 1_000;

/**
 * Adds the call by which a fresh node makes itself known. It is answered also while this node does not take part yet:
 * all nodes of a new cluster ask each other.
 */
export function addAcquaintanceService(
  server: Server,
  admission: Admission,
  logger: Logger,
  /** Notes the caller's incarnation durably unless one is known; returns the one that is known then. */
  acquaint: (id: number, incarnation: string) => string,
): void {
  const answer: handleUnaryCall<AcquaintRequest, AcquaintResponse> = (call, callback) => {
    const caller = identify(call.metadata, admission);
    if ("code" in caller) {
      logger.warn({ caller: call.getPeer(), reason: caller.details }, "refused a call on the peer port");
      callback(caller);
      return;
    }
    const incarnation = acquaint(caller.id, caller.incarnation);
    callback(null, create(AcquaintResponseSchema, { incarnation }));
  };
  server.addService({ acquaint: { ...method } }, { acquaint: answer });
}

/** Makes this node known to a peer. Resolves to the incarnation that the peer knows of it, rejects with a ServiceError. */
export function askAcquaintance(client: Client, handshake: Handshake): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<AcquaintRequest, AcquaintResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      create(AcquaintRequestSchema),
      handshakeMetadata(handshake),
      { deadline: Date.now() + ACQUAINT_MAX_MS },
      (error: ServiceError | null, response?: AcquaintResponse) => {
        if (response !== undefined) resolve(response.incarnation);
        else reject(error ?? new Error("no answer"));
      },
    );
  });
}
