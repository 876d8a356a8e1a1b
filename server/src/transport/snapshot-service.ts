import { create } from "@bufbuild/protobuf";
import { type handleUnaryCall, type Metadata, status } from "@grpc/grpc-js";
import {
  type SendSnapshotRequest,
  type SendSnapshotResponse,
  SendSnapshotResponseSchema,
} from "@quorate/proto";
import type { Logger } from "pino";
import type { Refusal } from "./handshake.js";

/** How far the transfer of a snapshot is. */
export interface SnapshotProgress {
  /** Offset in bytes at which the next piece is to begin. */
  readonly nextOffset: number;
  /** The receiver holds what the snapshot holds: it was installed, or was not needed any more. */
  readonly installed: boolean;
}

/** What this node's receiver of snapshots answers a caller. */
export interface SnapshotPieces {
  /**
   * Takes a piece; resolves once it is written, and for the last piece once the snapshot is installed.
   * @throws DamagedSnapshot when the whole is not what was announced, any other error when the piece cannot be taken.
   */
  receiveSnapshot(from: number, piece: SendSnapshotRequest): Promise<SnapshotProgress>;
}

/** A snapshot was received whole and is not what it should be: sending the same file again would not help. */
export class DamagedSnapshot extends Error {
  override readonly name = "DamagedSnapshot";
}

/** The gRPC status that tells a sender to make its copy anew. */
export const DAMAGED_SNAPSHOT_STATUS = status.DATA_LOSS;

/** Answers PeerService.SendSnapshot. `admit` returns the caller, or why it is refused. */
export function sendSnapshotHandler(
  receiver: SnapshotPieces,
  admit: (metadata: Metadata) => { readonly id: number } | Refusal,
  logger: Logger,
): handleUnaryCall<SendSnapshotRequest, SendSnapshotResponse> {
  return (call, callback) => {
    const caller = admit(call.metadata);
    if ("code" in caller) {
      callback(caller);
      return;
    }
    receiver.receiveSnapshot(caller.id, call.request).then(
      ({ nextOffset, installed }) =>
        callback(null, create(SendSnapshotResponseSchema, { nextOffset: BigInt(nextOffset), installed })),
      (error: unknown) => {
        logger.warn({ err: error, from: caller.id }, "a piece of a snapshot was refused");
        const code = error instanceof DamagedSnapshot ? DAMAGED_SNAPSHOT_STATUS : status.ABORTED;
        callback({ code, details: error instanceof Error ? error.message : String(error) });
      },
    );
  };
}
