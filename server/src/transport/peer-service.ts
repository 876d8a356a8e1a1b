import { type handleClientStreamingCall, type Server, status } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  grpcServiceDefinition,
  type PeerMessage,
  PeerService,
} from "@quorate/proto";
import type { Logger } from "pino";
import { type Admission, type Caller, checkHandshake, heed, type Refusal, removal } from "./handshake.js";
import { type SnapshotPieces, sendSnapshotHandler } from "./snapshot-service.js";

/** What the peers' service needs of its node. */
export interface PeerReceiver extends SnapshotPieces {
  receive(from: number, messages: readonly PeerMessage[]): void;
  /**
   * A caller, perhaps one that is no member yet, began to send, and can be answered at `address`; `readdressed` when that
   * comes from a change of the configuration.
   */
  greeted(from: number, address: string, readdressed: boolean): void;
  /** It ended. */
  left(from: number): void;
}

/** Adds the incoming half of the peers' protocol to a gRPC server. */
export function addPeerService(
  server: Server,
  receiver: PeerReceiver,
  admission: Admission,
  logger: Logger,
): void {
  const exchange: handleClientStreamingCall<ExchangeRequest, ExchangeResponse> = (call, callback) => {
    const caller = checkHandshake(call.metadata, admission);
    if ("code" in caller) {
      // A peer that calls before this node takes part is no stranger, and calls again.
      const level = caller.code === status.UNAVAILABLE ? "debug" : "warn";
      logger[level]({ caller: call.getPeer(), reason: caller.details }, "refused a call on the peer port");
      callback(caller);
      return;
    }
    const { id } = caller;
    let ended = false;
    const end = (error: Refusal | null): void => {
      if (ended) return;
      ended = true;
      receiver.left(id);
      callback(error, undefined);
    };
    receiver.greeted(id, caller.address, caller.readdressed);
    call.sendMetadata(call.metadata.clone());
    call.on("data", (request: ExchangeRequest) => {
      if (ended) return;
      const refusal = refusalOf(caller, admission);
      if (refusal === undefined) receiver.receive(id, request.messages);
      else {
        logger.warn({ caller: call.getPeer(), reason: refusal.details }, "ended a call on the peer port");
        end(refusal);
      }
    });
    call.on("error", () => undefined);
    call.on("cancelled", () => end(null));
    call.on("end", () => end(null));
  };

  const sendSnapshot = sendSnapshotHandler(
    receiver,
    (metadata) => checkHandshake(metadata, admission),
    logger,
  );

  const service = grpcServiceDefinition(PeerService);
  server.addService(
    { exchange: { ...service.exchange }, sendSnapshot: { ...service.sendSnapshot } },
    {
      exchange,
      sendSnapshot,
    },
  );
}

/**
 * Why a caller that was let in is heeded no more: it may have been removed since it called, and would else ask for votes
 * for ever, or another process of its member was heard.
 */
function refusalOf(caller: Caller, admission: Admission): Refusal | undefined {
  const { id, life } = caller;
  if (admission.isRemoved(id)) return removal(admission.clusterId, id);
  return life === undefined ? undefined : heed(admission, caller, life);
}
