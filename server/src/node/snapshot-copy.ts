import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { type Snapshot, SnapshotSchema } from "@quorate/proto";
import { readStateMeta, removeDatabase, type StateKeeper } from "./state-keeper.js";

/** A copy of the state in a file of its own, made to be sent. Nothing is open between two calls. */
export class SnapshotCopy {
  /** What its receivers know it by. */
  readonly snapshot: Snapshot;
  /** Index of the last log entry in it. */
  readonly index: number;
  readonly size: number;
  private readonly file: string;
  private readonly pieceBytesMax: number;

  private constructor(file: string, snapshot: Snapshot, pieceBytesMax: number) {
    this.file = file;
    this.snapshot = snapshot;
    this.index = Number(snapshot.lastIndex);
    this.size = Number(snapshot.size);
    this.pieceBytesMax = pieceBytesMax;
  }

  /** Copies the state into `file`, in the background; whatever fails leaves no file behind. */
  static async of(state: StateKeeper, file: string, pieceBytesMax: number): Promise<SnapshotCopy> {
    try {
      await state.copyTo(file);
      const { appliedIndex, appliedTerm } = readStateMeta(file);
      const hash = createHash("sha256");
      let size = 0;
      for (;;) {
        const data = await read(file, size, pieceBytesMax);
        if (data.length === 0) break;
        hash.update(data);
        size += data.length;
      }
      const snapshot = create(SnapshotSchema, {
        lastIndex: BigInt(appliedIndex),
        lastTerm: BigInt(appliedTerm),
        size: BigInt(size),
        sha256: hash.digest(),
      });
      return new SnapshotCopy(file, snapshot, pieceBytesMax);
    } catch (error) {
      removeDatabase(file);
      throw error;
    }
  }

  /** The piece that begins at `offset`, of at least one byte. */
  async piece(offset: number): Promise<Uint8Array> {
    const data = await read(this.file, offset, this.pieceBytesMax);
    if (data.length === 0) throw new Error(`the copy of the state ends at ${offset} of ${this.size} bytes`);
    return data;
  }

  remove(): void {
    removeDatabase(this.file);
  }
}

async function read(file: string, offset: number, bytesMax: number): Promise<Uint8Array> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytesMax), 0, bytesMax, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
