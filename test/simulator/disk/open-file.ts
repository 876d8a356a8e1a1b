import { DiskFailure } from "./disk-faults.js";
import type { Inode } from "./inode.js";
import type { SimulatedDisk } from "./simulated-disk.js";
import { noSuch } from "./volume.js";

/** How a file may be opened, as node:fs names it. */
export type OpenFlags = "r" | "r+" | "w" | "w+" | "wx" | "a" | "a+";

type Target = { readonly kind: "file"; readonly inode: Inode } | { readonly kind: "directory" };

/** A file or directory that a process has open. */
export class OpenFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #boot: number;
  readonly #target: Target;
  readonly #appends: boolean;
  #position = 0;
  #open = true;

  /** Opens a path that is on the disk. */
  static open(disk: SimulatedDisk, path: string, flags: OpenFlags): OpenFile {
    disk.enter();
    if (disk.volume.isDirectory(path)) return new OpenFile(disk, path, { kind: "directory" }, false);
    return new OpenFile(disk, path, { kind: "file", inode: inodeFor(disk, path, flags) }, flags[0] === "a");
  }

  private constructor(disk: SimulatedDisk, path: string, target: Target, appends: boolean) {
    this.#disk = disk;
    this.#boot = disk.bootNumber;
    this.path = path;
    this.#target = target;
    this.#appends = appends;
  }

  /** Length in bytes. */
  get size(): number {
    return this.#inode("fstat").bytes.length;
  }

  /** Everything in it, as a copy. */
  readAll(): Buffer {
    return Buffer.from(this.#inode("read").bytes);
  }

  /** Reads into `target`, from `position` or from where the last read ended. Returns how many bytes. */
  read(target: Uint8Array, position: number | null): number {
    const { bytes } = this.#inode("read");
    const from = position ?? this.#position;
    const found = bytes.subarray(from, from + target.length);
    target.set(found);
    if (position === null) this.#position = from + found.length;
    return found.length;
  }

  /** Writes at `position`, or where the last write ended. Returns how many bytes. */
  write(data: Uint8Array, position: number | null): number {
    const inode = this.#inode("write");
    const at = this.#appends ? inode.bytes.length : (position ?? this.#position);
    this.#disk.write("file", () => inode.plain.write(at, data));
    if (position === null) this.#position = at + data.length;
    return data.length;
  }

  truncate(length: number): void {
    const inode = this.#inode("ftruncate");
    this.#disk.write("file", () => inode.plain.truncate(length));
  }

  sync(): void {
    this.#enter();
    const target = this.#target;
    this.#disk.write("sync", (durability) => {
      if (target.kind === "directory") return this.#disk.volume.syncDirectory(this.path, durability);
      for (const written of target.inode.syncable?.sync(durability) ?? []) {
        this.#disk.becameDurable(this.path, written);
      }
    });
  }

  close(): void {
    this.#enter();
    this.#open = false;
  }

  #inode(call: string): Inode {
    this.#enter();
    if (this.#target.kind === "directory") {
      throw new DiskFailure("EISDIR", `EISDIR: illegal operation on a directory, ${call}`);
    }
    return this.#target.inode;
  }

  #enter(): void {
    this.#disk.enter(this.#boot);
    if (!this.#open) throw new DiskFailure("EBADF", "EBADF: bad file descriptor");
  }
}

function inodeFor(disk: SimulatedDisk, path: string, flags: OpenFlags): Inode {
  const found = disk.volume.find(path);
  switch (flags) {
    case "r":
    case "r+":
      if (found === undefined) throw noSuch("open", path);
      return found;
    case "wx":
      if (found !== undefined) {
        throw new DiskFailure("EEXIST", `EEXIST: file already exists, open '${path}'`);
      }
      return created(disk, path);
    case "w":
    case "w+":
      if (found === undefined) return created(disk, path);
      disk.write("file", () => found.plain.truncate(0));
      return found;
    case "a":
    case "a+":
      return found ?? created(disk, path);
  }
}

function created(disk: SimulatedDisk, path: string): Inode {
  disk.write("file", () => disk.volume.create(path));
  const inode = disk.volume.find(path);
  if (inode === undefined) throw noSuch("open", path);
  return inode;
}
