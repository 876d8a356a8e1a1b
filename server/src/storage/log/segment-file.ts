import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../durable-file.js";
import type { Segments } from "./log-scan.js";

/** Bytes of zeros written at once: so few that the writes of others come between. */
const ZEROS_BYTES = 1_048_576;
const zeros = Buffer.alloc(ZEROS_BYTES);

const NAME = /^(\d{12})\.log$/;
const TEMPORARY = /^\d{12}\.[0-9a-f]+\.new$/;

/** The files of a log. */
export class SegmentFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(number: number): string {
    return join(this.path, `${String(number).padStart(12, "0")}.log`);
  }

  /** A file in which a segment is made. Its name is nobody else's: an earlier maker may still be at work. */
  temporaryFile(number: number, unique: string): string {
    return join(this.path, `${String(number).padStart(12, "0")}.${unique}.new`);
  }

  /** The segments that are there, in rising order. */
  get numbers(): number[] {
    return readdirSync(this.path)
      .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((one, other) => one - other);
  }

  /** What to scan. */
  get segments(): Segments {
    return {
      numbers: this.numbers,
      name: (number) => this.file(number),
      read: (number) => readFileSync(this.file(number)),
    };
  }

  /** Removes what was begun and never became a segment. */
  removeTemporaries(): void {
    for (const name of readdirSync(this.path)) if (TEMPORARY.test(name)) rmSync(join(this.path, name));
  }

  /** Removes a segment that is not needed any more. Should it come back after a crash, it is still not needed. */
  remove(number: number): void {
    rmSync(this.file(number), { force: true });
  }

  /** Makes a segment of zeros after `begin`, durably. Whole sectors. */
  make(number: number, bytes: number, unique: string, begin: Buffer = Buffer.alloc(0)): void {
    const temporary = this.temporaryFile(number, unique);
    try {
      const descriptor = openSync(temporary, "wx", 0o600);
      try {
        writeFully(descriptor, begin, 0);
        for (let at = begin.length; at < bytes; at += ZEROS_BYTES) {
          writeFully(descriptor, zeros.subarray(0, Math.min(ZEROS_BYTES, bytes - at)), at);
        }
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      // A disk that is full has use for the room.
      rmSync(temporary, { force: true });
      throw error;
    }
    renameSync(temporary, this.file(number));
    syncDirectory(this.path);
  }

  /** The same in the background. With `wanted` false before the file gets its name it does not get it. */
  async makeLater(number: number, bytes: number, unique: string, wanted: () => boolean): Promise<void> {
    const temporary = this.temporaryFile(number, unique);
    try {
      await fillLater(temporary, bytes, wanted);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    if (!wanted()) {
      rmSync(temporary, { force: true });
      return;
    }
    renameSync(temporary, this.file(number));
    const folder = await open(this.path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function fillLater(file: string, bytes: number, wanted: () => boolean): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    for (let at = 0; at < bytes && wanted(); at += ZEROS_BYTES) {
      const length = Math.min(ZEROS_BYTES, bytes - at);
      const { bytesWritten } = await handle.write(zeros, 0, length, at);
      if (bytesWritten !== length) throw new Error(`${file} took ${bytesWritten} bytes of ${length}`);
      // Each by itself: many at once would be in the way of those that somebody waits for.
      await handle.datasync();
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A segment that is open. */
export class SegmentFile {
  readonly number: number;
  readonly #descriptor: number;

  constructor(folder: SegmentFolder, number: number, mode: "r" | "r+") {
    this.number = number;
    this.#descriptor = openSync(folder.file(number), mode);
  }

  /** Durable when it returns. */
  write(bytes: Buffer, offset: number): void {
    writeFully(this.#descriptor, bytes, offset);
    fdatasyncSync(this.#descriptor);
  }

  /** Durable when it returns. */
  zero(from: number, to: number): void {
    for (let at = from; at < to; at += ZEROS_BYTES) {
      writeFully(this.#descriptor, zeros.subarray(0, Math.min(ZEROS_BYTES, to - at)), at);
    }
    fdatasyncSync(this.#descriptor);
  }

  /** Fewer bytes than that when the file is shorter. */
  read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let read = 0;
    while (read < length) {
      const more = readSync(this.#descriptor, bytes, read, length - read, offset + read);
      if (more === 0) break;
      read += more;
    }
    return bytes.subarray(0, read);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** A write may take a part of the bytes, for example of the last ones that fit on a disk: the next one says why. */
function writeFully(descriptor: number, bytes: Buffer, offset: number): void {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(descriptor, bytes, written, bytes.length - written, offset + written);
  }
}
