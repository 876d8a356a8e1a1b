import { CorruptData } from "../../../server/src/storage/errors.js";
import { PlainFile } from "./plain-file.js";
import { StateDatabase } from "./state-database.js";

/** What a power failure took from one file. */
export interface InodeLoss {
  readonly stateWrites: number;
}

/**
 * What a file holds: bytes, the state read from such bytes and not written to since, or a database. The bytes of a
 * database are made when somebody reads them, and kept until it is written to.
 */
type Holding =
  | { readonly kind: "bytes"; readonly file: PlainFile; readonly state: StateDatabase | undefined }
  | { readonly kind: "state"; readonly database: StateDatabase; encoded: Uint8Array | undefined };

/** One file, whatever its name is and whether it still has one. */
export class Inode {
  #holding: Holding = { kind: "bytes", file: new PlainFile(), state: undefined };

  /** A file that holds, durably, what a process sees of this one. */
  copy(): Inode {
    const copy = new Inode();
    copy.#holding = { kind: "bytes", file: new PlainFile(this.bytes), state: undefined };
    return copy;
  }

  /** What a process reads; valid until the next change. */
  get bytes(): Uint8Array {
    const holding = this.#holding;
    if (holding.kind === "bytes") return holding.file.bytes;
    holding.encoded ??= holding.database.encode();
    return holding.encoded;
  }

  /** The file as one of bytes that is about to be written to; a database in it becomes what its bytes are. */
  get plain(): PlainFile {
    const holding = this.#holding;
    const file = holding.kind === "bytes" ? holding.file : new PlainFile(this.bytes);
    this.#holding = { kind: "bytes", file, state: undefined };
    return file;
  }

  /** The bytes to be synced; undefined for a database, which syncs itself. */
  get syncable(): PlainFile | undefined {
    return this.#holding.kind === "bytes" ? this.#holding.file : undefined;
  }

  /** Opens the file as a state, making an empty one of an empty file as SQLite does. */
  openState(path: string): StateDatabase {
    const holding = this.#holding;
    switch (holding.kind) {
      case "state":
        if (holding.database.rotten) throw damaged(path);
        return holding.database;
      case "bytes": {
        if (holding.state !== undefined) return holding.state;
        const { file } = holding;
        if (file.bytes.length === 0) {
          const database = new StateDatabase();
          this.#holding = { kind: "state", database, encoded: undefined };
          return database;
        }
        const state = StateDatabase.decode(file.bytes);
        if (state === undefined) throw damaged(path);
        this.#holding = { kind: "bytes", file, state };
        return state;
      }
    }
  }

  /** Says that the state in the file is about to be written to: from now on it is not what the bytes say. */
  stateChanges(): void {
    const holding = this.#holding;
    if (holding.kind === "state") holding.encoded = undefined;
    else if (holding.kind === "bytes" && holding.state !== undefined) {
      this.#holding = { kind: "state", database: holding.state, encoded: undefined };
    }
  }

  /** Damages a state, so that it cannot be opened any more. */
  decayState(): void {
    if (this.#holding.kind === "state") this.#holding.database.rotten = true;
    else if (this.#holding.kind === "bytes") this.plain.rot(this.bytes.length - 1);
  }

  losePower(survivors: (count: number) => number): InodeLoss {
    const holding = this.#holding;
    switch (holding.kind) {
      case "bytes":
        this.#holding = { kind: "bytes", file: holding.file.afterPowerFailure(survivors), state: undefined };
        return { stateWrites: 0 };
      case "state": {
        holding.encoded = undefined;
        return { stateWrites: holding.database.losePower(survivors) };
      }
    }
  }
}

function damaged(path: string): CorruptData {
  return new CorruptData(`${path} is damaged: file is not a database`);
}
