import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { SendSnapshotRequest } from "@quorate/proto";
import type { InstallSnapshot } from "../raft/index.js";

interface Transfer {
  readonly key: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  offset: number;
}

/** Writes the pieces of a snapshot to a file and checks the whole. One transfer at a time: a new one ends the old. */
export class SnapshotReceiver {
  readonly file: string;
  private transfer: Transfer | undefined;

  constructor(file: string) {
    this.file = file;
  }

  /**
   * Writes one piece. Returns the snapshot once it is whole, durable and verified, for Raft to decide on.
   * @throws Error when a piece is out of order or the checksum is wrong; the sender starts again.
   */
  async write(piece: SendSnapshotRequest): Promise<InstallSnapshot | undefined> {
    const { snapshot } = piece;
    if (snapshot === undefined) throw new Error("a piece that belongs to no snapshot");
    const key = `${snapshot.term}/${snapshot.lastIndex}/${snapshot.lastTerm}`;
    const transfer = await this.transferOf(key, piece.offset);
    if (Number(piece.offset) !== transfer.offset) {
      throw new Error(`a piece at offset ${piece.offset} follows ${transfer.offset} bytes`);
    }
    await transfer.handle.writev([piece.data]);
    transfer.hash.update(piece.data);
    transfer.offset += piece.data.length;
    if (piece.sha256.length === 0) return undefined;

    this.transfer = undefined;
    await transfer.handle.sync();
    await transfer.handle.close();
    if (Buffer.compare(transfer.hash.digest(), piece.sha256) !== 0) {
      throw new Error("the snapshot does not match its checksum");
    }
    return {
      kind: "installSnapshot",
      term: Number(snapshot.term),
      lastIndex: Number(snapshot.lastIndex),
      lastTerm: Number(snapshot.lastTerm),
    };
  }

  private async transferOf(key: string, offset: bigint): Promise<Transfer> {
    if (this.transfer?.key === key && offset !== 0n) return this.transfer;
    await this.transfer?.handle.close();
    this.transfer = undefined;
    const handle = await open(this.file, "w", 0o600);
    this.transfer = { key, handle, hash: createHash("sha256"), offset: 0 };
    return this.transfer;
  }
}
