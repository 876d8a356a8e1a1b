import { create } from "@bufbuild/protobuf";
import type { handleClientStreamingCall, Server } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  grpcServiceDefinition,
  type PeerMessage,
  PeerService,
  type SendSnapshotRequest,
  type SendSnapshotResponse,
  SendSnapshotResponseSchema,
} from "@quorate/proto";
import type { Logger } from "pino";
import { checkHandshake } from "./handshake.js";

/** What the peers' service needs of its node. */
export interface PeerReceiver {
  receive(from: number, messages: readonly PeerMessage[]): void;
  /** A piece of a snapshot; resolves once it is written, and for the last piece once the snapshot is installed. */
  receiveSnapshot(from: number, piece: SendSnapshotRequest): Promise<void>;
}

/** Adds the incoming half of the peers' protocol to a gRPC server. */
export function addPeerService(
  server: Server,
  receiver: PeerReceiver,
  identity: { readonly clusterId: number; readonly self: number; readonly isPeer: (id: number) => boolean },
  logger: Logger,
): void {
  const exchange: handleClientStreamingCall<ExchangeRequest, ExchangeResponse> = (call, callback) => {
    const from = checkHandshake(call.metadata, identity.clusterId, identity.self, identity.isPeer);
    if (typeof from !== "number") {
      logger.warn({ caller: call.getPeer(), reason: from.details }, "refused a call on the peer port");
      callback(from);
      return;
    }
    call.sendMetadata(call.metadata.clone());
    call.on("data", (request: ExchangeRequest) => receiver.receive(from, request.messages));
    call.on("error", () => undefined);
    call.on("end", () => callback(null, undefined));
  };

  const sendSnapshot: handleClientStreamingCall<SendSnapshotRequest, SendSnapshotResponse> = (
    call,
    callback,
  ) => {
    const from = checkHandshake(call.metadata, identity.clusterId, identity.self, identity.isPeer);
    if (typeof from !== "number") {
      callback(from);
      return;
    }
    const receive = async (): Promise<void> => {
      for await (const piece of call as AsyncIterable<SendSnapshotRequest>) {
        await receiver.receiveSnapshot(from, piece);
      }
    };
    receive().then(
      () => callback(null, create(SendSnapshotResponseSchema, { installed: true })),
      (error: unknown) => {
        logger.warn({ err: error, from }, "a snapshot could not be received");
        callback({ code: 10, details: String(error) });
      },
    );
  };

  const service = grpcServiceDefinition(PeerService);
  server.addService(
    { exchange: { ...service.exchange }, sendSnapshot: { ...service.sendSnapshot } },
    {
      exchange,
      sendSnapshot,
    },
  );
}
