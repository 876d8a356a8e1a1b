import { create } from "@bufbuild/protobuf";
import { type handleUnaryCall, type Server, type ServiceError, status } from "@grpc/grpc-js";
import {
  type AdministerRequest,
  AdministerRequestSchema,
  type AdministerResponse,
  grpcServiceDefinition,
  PeerService,
} from "@quorate/proto";
import { type Admission, checkHandshake, handshakeMetadata } from "./handshake.js";
import type { PeerLink } from "./peer-link.js";

const { administer: method } = grpcServiceDefinition(PeerService);

/** A change of the membership or of the leader, as it travels. */
export type AdministeredChange = Exclude<AdministerRequest["request"], { case: undefined }>;

/** What a node answers to a change of a kind that its version does not know. */
const NOT_UNDERSTOOD = status.INVALID_ARGUMENT;

/** Whether an error of passOn() says that the other node's version does not know such changes: then it made none. */
export function isNotUnderstood(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === NOT_UNDERSTOOD;
}

/** Adds the call by which other nodes pass such changes on to this one. */
export function addAdministrationService(
  server: Server,
  admission: Admission,
  administer: (change: AdministeredChange, answer: (response: AdministerResponse) => void) => void,
): void {
  const handle: handleUnaryCall<AdministerRequest, AdministerResponse> = (call, callback) => {
    const caller = checkHandshake(call.metadata, admission);
    const { request } = call.request;
    if ("code" in caller) callback(caller);
    else if (request.case === undefined)
      callback({ code: NOT_UNDERSTOOD, details: "a change of an unknown kind" });
    else administer(request, (response) => callback(null, response));
  };
  server.addService({ administer: { ...method } }, { administer: handle });
}

/** Passes a change on to the peer at the other end of the link, which should be the leader. Rejects with a ServiceError. */
export function passOn(
  link: PeerLink,
  request: AdministeredChange,
  timeoutMs: number,
): Promise<AdministerResponse> {
  return new Promise((resolve, reject) => {
    link.client.makeUnaryRequest<AdministerRequest, AdministerResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      create(AdministerRequestSchema, { request }),
      handshakeMetadata(link.handshake),
      { deadline: Date.now() + timeoutMs },
      (error: ServiceError | null, response?: AdministerResponse) => {
        if (response !== undefined) resolve(response);
        else reject(error ?? new Error("no answer"));
      },
    );
  });
}
