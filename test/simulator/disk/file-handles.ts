import { resolve } from "node:path";
import type { FileStatus } from "./file-system.js";
import { OpenFile, type OpenFlags } from "./open-file.js";
import { currentDisk, turn } from "./simulated-disk.js";

// In place of node:fs/promises: what the server uses of it, on the disk of the process that runs. Every call takes
// effect in a later turn of the event loop, as the real ones do.

/** A file that a process has open. */
export class FileHandle {
  readonly #file: OpenFile;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  async read<Target extends Uint8Array>(
    buffer: Target,
    offset = 0,
    length: number = buffer.length - offset,
    position: number | null = null,
  ): Promise<{ readonly bytesRead: number; readonly buffer: Target }> {
    await turn();
    return { bytesRead: this.#file.read(buffer.subarray(offset, offset + length), position), buffer };
  }

  async write<Source extends Uint8Array>(
    buffer: Source,
    offset = 0,
    length: number = buffer.length - offset,
    position: number | null = null,
  ): Promise<{ readonly bytesWritten: number; readonly buffer: Source }> {
    await turn();
    return { bytesWritten: this.#file.write(buffer.subarray(offset, offset + length), position), buffer };
  }

  async writev(
    buffers: readonly Uint8Array[],
    position: number | null = null,
  ): Promise<{ readonly bytesWritten: number; readonly buffers: readonly Uint8Array[] }> {
    await turn();
    const joined = buffers.length === 1 ? buffers[0] : undefined;
    return { bytesWritten: this.#file.write(joined ?? Buffer.concat([...buffers]), position), buffers };
  }

  async sync(): Promise<void> {
    await turn();
    this.#file.sync();
  }

  async datasync(): Promise<void> {
    await turn();
    this.#file.sync();
  }

  async truncate(length = 0): Promise<void> {
    await turn();
    this.#file.truncate(length);
  }

  async stat(): Promise<FileStatus> {
    await turn();
    return { size: this.#file.size, isFile: () => true, isDirectory: () => false };
  }

  async readFile(): Promise<Buffer> {
    await turn();
    return this.#file.readAll();
  }

  async close(): Promise<void> {
    await turn();
    this.#file.close();
  }
}

/** Opens a file of the process that runs. */
export async function open(path: string, flags: OpenFlags = "r", _mode?: number): Promise<FileHandle> {
  const disk = currentDisk();
  const boot = disk.bootNumber;
  disk.enter(boot);
  await turn();
  disk.enter(boot);
  return new FileHandle(OpenFile.open(disk, resolve(path), flags));
}
