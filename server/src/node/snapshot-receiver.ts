import { createHash, type Hash } from "node:crypto";
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { SendSnapshotRequest } from "@quorate/proto";
import { DamagedSnapshot, type SnapshotProgress } from "../transport/snapshot-service.js";
import { removeDatabase } from "./state-keeper.js";

/** Bytes written before they are made durable: a large file written at once would make the log's disk wait. */
const UNSYNCED_BYTES_MAX = 16_777_216;
const SHA256_BYTES = 32;

/** A snapshot that is whole, durable and verified. */
export interface ReceivedSnapshot {
  /**
   * The term of the call that made it whole. Never a newer one in which other pieces came: the caller would be taken for
   * the leader of a term that is another's.
   */
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** Where received snapshots go. */
export interface SnapshotTarget {
  /** Everything up to here is known to be committed: a snapshot that ends here or before is not needed. */
  committedIndex(): number;
  /**
   * Puts the file in place of the state, if it is still wanted. Until it resolves, nobody touches the file.
   * @throws when the file does not hold the state that was announced.
   */
  install(snapshot: ReceivedSnapshot): Promise<void>;
}

interface Announced {
  /** Equal for pieces of one file only: it has the checksum in it. */
  readonly id: string;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly size: number;
  readonly sha256: Uint8Array;
}

interface Transfer {
  readonly announced: Announced;
  /** The newest term in which a call for it came. */
  term: number;
  /** Bytes written to the file and taken into `hash`. */
  offset: number;
  /** Bytes of them that are durable. */
  synced: number;
  readonly hash: Hash;
  verified: boolean;
}

/**
 * Writes the pieces of a snapshot to a file and checks the whole. There is one file, so there is one transfer at a
 * time, and calls are taken one by one: until a finished snapshot was installed, nobody touches its file.
 *
 * Which transfer a piece belongs to is told by the snapshot, not by the leader's term: what a snapshot holds is
 * committed, so it stays true, and a transfer goes on, when the term changes. What came is kept while the sender is
 * away; only a snapshot that is newer, of a later term or in the same term of a later index, takes its place. It does
 * not outlive the process: after a restart a transfer begins anew.
 *
 * Invariant: `offset` bytes are in the file and in the hash, and they are the snapshot's first ones as their pieces'
 * checksums have it. Nothing is open between two calls.
 */
export class SnapshotReceiver {
  readonly file: string;
  private transfer: Transfer | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.file = file;
  }

  /**
   * Takes one piece, or a question where to go on. When the last piece is there, and the snapshot is whole, durable and
   * verified, hands it to `target`.
   * @throws DamagedSnapshot when the whole does not match its checksum or is not the state it should be; Error when the
   * piece is damaged, out of order, of a snapshot that a newer one has replaced or of a later term than its sender's:
   * what was received is kept.
   */
  receive(piece: SendSnapshotRequest, target: SnapshotTarget): Promise<SnapshotProgress> {
    const received = this.last.then(() => this.take(piece, target));
    this.last = received.catch(() => undefined);
    return received;
  }

  private async take(piece: SendSnapshotRequest, target: SnapshotTarget): Promise<SnapshotProgress> {
    const announced = announcedBy(piece);
    if (announced.lastIndex <= target.committedIndex()) {
      if (this.transfer?.announced.id === announced.id) this.drop();
      return { nextOffset: announced.size, installed: true };
    }
    const term = Number(piece.term);
    const transfer =
      piece.data.length === 0 ? await this.begin(announced, term) : this.transferOf(announced.id);
    transfer.term = Math.max(transfer.term, term);
    if (piece.data.length > 0) await this.append(transfer, piece);
    if (transfer.offset < announced.size) return { nextOffset: transfer.offset, installed: false };
    return this.finish(transfer, term, target);
  }

  /** Goes on with the transfer, or begins it unless it is older than the one under way. */
  private async begin(announced: Announced, term: number): Promise<Transfer> {
    const current = this.transfer;
    if (current?.announced.id === announced.id) return current;
    if (current !== undefined && !isNewer(announced, term, current)) {
      throw new Error(
        `a snapshot of index ${announced.lastIndex} in term ${term}, while one of index ${current.announced.lastIndex} in term ${current.term} is being received`,
      );
    }
    this.drop();
    await (await open(this.file, "w", 0o600)).close();
    const transfer = { announced, term, offset: 0, synced: 0, hash: createHash("sha256"), verified: false };
    this.transfer = transfer;
    return transfer;
  }

  private transferOf(id: string): Transfer {
    if (this.transfer?.announced.id === id) return this.transfer;
    throw new Error("a piece of a snapshot that is not being received");
  }

  /** Nothing is touched before it is clear that the piece has its place; a piece that fails can be sent again. */
  private async append(transfer: Transfer, piece: SendSnapshotRequest): Promise<void> {
    const { data } = piece;
    const offset = Number(piece.offset);
    if (offset !== transfer.offset || offset + data.length > transfer.announced.size) {
      throw new Error(
        `a piece of ${data.length} bytes at offset ${offset} follows ${transfer.offset} of ${transfer.announced.size} bytes`,
      );
    }
    if (crc32(data) !== piece.crc32) {
      throw new Error(`the piece at offset ${offset} does not match its checksum`);
    }
    await this.write(data, offset);
    transfer.hash.update(data);
    transfer.offset += data.length;
    if (transfer.offset - transfer.synced >= UNSYNCED_BYTES_MAX) await this.sync(transfer);
  }

  private async write(data: Uint8Array, offset: number): Promise<void> {
    const handle = await open(this.file, "r+");
    try {
      for (let written = 0; written < data.length; ) {
        const { bytesWritten } = await handle.write(data, written, data.length - written, offset + written);
        written += bytesWritten;
      }
    } finally {
      await handle.close();
    }
  }

  /** Once a sync has failed, what it should have written may be lost, whatever a second one says: begin anew. */
  private async sync(transfer: Transfer): Promise<void> {
    try {
      const handle = await open(this.file, "r+");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      this.drop();
      throw error;
    }
    transfer.synced = transfer.offset;
  }

  private async finish(transfer: Transfer, term: number, target: SnapshotTarget): Promise<SnapshotProgress> {
    const { lastIndex, lastTerm, size, sha256 } = transfer.announced;
    if (!transfer.verified) {
      await this.sync(transfer);
      if (Buffer.compare(transfer.hash.digest(), sha256) !== 0) {
        this.drop();
        throw new DamagedSnapshot("the snapshot does not match its checksum");
      }
      transfer.verified = true;
    }
    try {
      await target.install({ term, lastIndex, lastTerm });
    } catch (cause) {
      this.drop();
      throw new DamagedSnapshot(`the snapshot cannot be installed: ${String(cause)}`, { cause });
    }
    const installed = target.committedIndex() >= lastIndex;
    if (installed) this.drop();
    return { nextOffset: size, installed };
  }

  /** Forgets the transfer and removes its file. */
  private drop(): void {
    this.transfer = undefined;
    removeDatabase(this.file);
  }
}

/** Not older, rather: in one term only its leader sends snapshots, so the one it has begun last is the one it means. */
function isNewer({ lastIndex }: Announced, term: number, current: Transfer): boolean {
  if (term !== current.term) return term > current.term;
  return lastIndex >= current.announced.lastIndex;
}

function announcedBy({ term, snapshot }: SendSnapshotRequest): Announced {
  if (snapshot === undefined) throw new Error("a piece that belongs to no snapshot");
  const lastIndex = Number(snapshot.lastIndex);
  const lastTerm = Number(snapshot.lastTerm);
  const size = Number(snapshot.size);
  const { sha256 } = snapshot;
  if (snapshot.lastTerm > term) {
    throw new Error(`a piece of a snapshot of term ${lastTerm}, from a leader of term ${term}`);
  }
  if (!Number.isSafeInteger(size) || size === 0 || sha256.length !== SHA256_BYTES) {
    throw new Error("a piece of a snapshot of no size or without a checksum");
  }
  const id = `${lastIndex}/${lastTerm}/${size}/${Buffer.from(sha256).toString("hex")}`;
  return { id, lastIndex, lastTerm, size, sha256 };
}
