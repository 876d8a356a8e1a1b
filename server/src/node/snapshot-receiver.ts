import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { SendSnapshotRequest, InstallSnapshot as SnapshotMessage } from "@quorate/proto";
import type { InstallSnapshot } from "../raft/index.js";

interface Transfer {
  readonly key: string;
  readonly term: number;
  readonly handle: FileHandle;
  readonly hash: Hash;
  offset: number;
}

/**
 * Writes the pieces of a snapshot to a file and checks the whole. There is one file, so there is one transfer at a
 * time, and pieces are taken one by one: until a finished snapshot was installed, nobody touches its file.
 */
export class SnapshotReceiver {
  readonly file: string;
  private transfer: Transfer | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.file = file;
  }

  /**
   * Takes one piece. When it is the last one, and the snapshot is whole, durable and verified, calls `install`.
   * @throws Error when the piece is of an older leader's snapshot or out of order, or the checksum is wrong.
   */
  receive(piece: SendSnapshotRequest, install: (snapshot: InstallSnapshot) => Promise<void>): Promise<void> {
    const received = this.last.then(() => this.take(piece, install));
    this.last = received.catch(() => undefined);
    return received;
  }

  private async take(
    piece: SendSnapshotRequest,
    install: (snapshot: InstallSnapshot) => Promise<void>,
  ): Promise<void> {
    if (piece.snapshot === undefined) throw new Error("a piece that belongs to no snapshot");
    const snapshot = toInstallSnapshot(piece.snapshot);
    const transfer = await this.transferOf(snapshot, Number(piece.offset));
    await transfer.handle.writev([piece.data]);
    transfer.hash.update(piece.data);
    transfer.offset += piece.data.length;
    if (piece.sha256.length === 0) return;

    this.transfer = undefined;
    await transfer.handle.sync();
    await transfer.handle.close();
    if (Buffer.compare(transfer.hash.digest(), piece.sha256) !== 0) {
      throw new Error("the snapshot does not match its checksum");
    }
    await install(snapshot);
  }

  /** The transfer a piece belongs to. Nothing is touched before it is clear that the piece has its place. */
  private async transferOf(snapshot: InstallSnapshot, offset: number): Promise<Transfer> {
    const { term, lastIndex, lastTerm } = snapshot;
    const key = `${term}/${lastIndex}/${lastTerm}`;
    const current = this.transfer;
    if (current !== undefined && term < current.term) {
      throw new Error(`a snapshot of term ${term}, while one of term ${current.term} is being received`);
    }
    if (offset !== 0) {
      if (current?.key !== key || current.offset !== offset) {
        throw new Error(
          `a piece at offset ${offset} follows ${current?.key === key ? current.offset : "no"} bytes`,
        );
      }
      return current;
    }
    await current?.handle.close();
    this.transfer = undefined;
    const handle = await open(this.file, "w", 0o600);
    this.transfer = { key, term, handle, hash: createHash("sha256"), offset: 0 };
    return this.transfer;
  }
}

function toInstallSnapshot(snapshot: SnapshotMessage): InstallSnapshot {
  return {
    kind: "installSnapshot",
    term: Number(snapshot.term),
    lastIndex: Number(snapshot.lastIndex),
    lastTerm: Number(snapshot.lastTerm),
  };
}
