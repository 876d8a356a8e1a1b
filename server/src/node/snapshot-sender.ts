import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import type { ClientWritableStream } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  InstallSnapshotSchema,
  PeerService,
  type SendSnapshotRequest,
  SendSnapshotRequestSchema,
  type SendSnapshotResponse,
} from "@quorate/proto";
import type { Logger } from "pino";
import { bounds } from "../config.js";
import { handshakeMetadata } from "../transport/handshake.js";
import type { PeerLink } from "../transport/peer-link.js";
import { readStateMeta, removeDatabase, type StateKeeper } from "./state-keeper.js";

const { sendSnapshot } = grpcServiceDefinition(PeerService);

/** Milliseconds that a transfer may take. */
const TRANSFER_MAX_MS = 600_000;

/** Sends followers that are too far behind a copy of the state, in pieces, one follower at a time. */
export class SnapshotSender {
  private readonly state: StateKeeper;
  private readonly file: string;
  private readonly logger: Logger;
  private busy = false;
  private held = Number.POSITIVE_INFINITY;

  constructor(state: StateKeeper, file: string, logger: Logger) {
    this.state = state;
    this.file = file;
    this.logger = logger;
  }

  /** Index of the snapshot on its way, whose follower will need the log from there; infinite when there is none. */
  get heldIndex(): number {
    return this.held;
  }

  /** Copies the state and sends it. Resolves to the index it covers once the follower has it. */
  async send(link: PeerLink, term: number): Promise<number> {
    if (this.busy) throw new Error("another snapshot is being sent");
    this.busy = true;
    this.held = this.state.machine.appliedIndex;
    try {
      await this.state.copyTo(this.file);
      const { appliedIndex, appliedTerm } = readStateMeta(this.file);
      this.logger.info({ peer: link.peer, index: appliedIndex }, "sending a snapshot");
      const snapshot = create(InstallSnapshotSchema, {
        term: BigInt(term),
        lastIndex: BigInt(appliedIndex),
        lastTerm: BigInt(appliedTerm),
      });
      await this.transfer(link, (offset, data, sha256) =>
        create(SendSnapshotRequestSchema, { snapshot, offset: BigInt(offset), data, sha256 }),
      );
      return appliedIndex;
    } finally {
      removeDatabase(this.file);
      this.busy = false;
      this.held = Number.POSITIVE_INFINITY;
    }
  }

  private async transfer(
    link: PeerLink,
    piece: (offset: number, data: Uint8Array, sha256: Uint8Array) => SendSnapshotRequest,
  ): Promise<void> {
    const file = await open(this.file, "r");
    try {
      const { call, finished } = this.openCall(link);
      const hash = createHash("sha256");
      let offset = 0;
      for (;;) {
        const { buffer, bytesRead } = await file.read(
          Buffer.allocUnsafe(bounds.snapshotChunkBytesMax),
          0,
          bounds.snapshotChunkBytesMax,
          offset,
        );
        const data = buffer.subarray(0, bytesRead);
        hash.update(data);
        const last = bytesRead < bounds.snapshotChunkBytesMax;
        const message = piece(offset, data, last ? hash.digest() : new Uint8Array(0));
        offset += bytesRead;
        // The call fails or takes the piece: whichever comes first.
        await Promise.race([finished, new Promise<void>((resolve) => call.write(message, () => resolve()))]);
        if (last) break;
      }
      call.end();
      await finished;
    } finally {
      await file.close();
    }
  }

  private openCall(link: PeerLink): {
    call: ClientWritableStream<SendSnapshotRequest>;
    finished: Promise<void>;
  } {
    let call: ClientWritableStream<SendSnapshotRequest> | undefined;
    const finished = new Promise<void>((resolve, reject) => {
      call = link.client.makeClientStreamRequest<SendSnapshotRequest, SendSnapshotResponse>(
        sendSnapshot.path,
        sendSnapshot.requestSerialize,
        sendSnapshot.responseDeserialize,
        handshakeMetadata(link.handshake),
        { deadline: Date.now() + TRANSFER_MAX_MS },
        (error) => (error === null ? resolve() : reject(error)),
      );
      call.on("error", () => undefined);
    });
    finished.catch(() => undefined);
    if (call === undefined) throw new Error("the call was not made");
    return { call, finished };
  }
}
