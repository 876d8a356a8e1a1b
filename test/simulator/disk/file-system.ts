import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DiskFailure } from "./disk-faults.js";
import { OpenFile, type OpenFlags } from "./open-file.js";
import { currentDisk, currentDiskIfAny, type SimulatedDisk } from "./simulated-disk.js";
import { noSuch } from "./volume.js";

// In place of node:fs: what the server uses of it, on the disk of the process that runs. What is not on that disk, such
// as the server's own package.json, is the machine's, and may only be read.

/** The real one. Not imported, since this module stands in for it. */
const machine = process.getBuiltinModule("node:fs");

type Path = string | URL;
type Encoding = BufferEncoding | { readonly encoding?: BufferEncoding | null } | null | undefined;

function pathOf(path: Path): string {
  return resolve(typeof path === "string" ? path : fileURLToPath(path));
}

/** The disk that holds a path, when the process that runs has it; throws when that process is dead. */
function diskOf(path: string): SimulatedDisk | undefined {
  const disk = currentDiskIfAny();
  if (disk?.holds(path) !== true) return undefined;
  disk.enter();
  return disk;
}

function ownDisk(call: string, path: string): SimulatedDisk {
  const disk = diskOf(path);
  if (disk !== undefined) return disk;
  throw new DiskFailure("EROFS", `EROFS: ${call} '${path}', which is on no simulated disk`);
}

function opened(descriptor: number): OpenFile {
  const disk = currentDisk();
  disk.enter();
  const file = disk.descriptors.get(descriptor);
  if (file === undefined) throw new DiskFailure("EBADF", "EBADF: bad file descriptor");
  return file;
}

export function existsSync(path: Path): boolean {
  const file = pathOf(path);
  const disk = diskOf(file);
  if (disk === undefined) return machine.existsSync(file);
  return disk.volume.isDirectory(file) || disk.volume.find(file) !== undefined;
}

export function mkdirSync(
  path: Path,
  options: { readonly recursive?: boolean; readonly mode?: number } = {},
): string | undefined {
  const file = pathOf(path);
  const disk = ownDisk("mkdir", file);
  if (disk.volume.isDirectory(file)) {
    if (options.recursive === true) return undefined;
    throw new DiskFailure("EEXIST", `EEXIST: file already exists, mkdir '${file}'`);
  }
  if (options.recursive !== true && !disk.volume.isDirectory(dirname(file))) throw noSuch("mkdir", file);
  disk.write("file", () => disk.volume.makeDirectory(file));
  return file;
}

export function openSync(path: Path, flags: OpenFlags = "r", _mode?: number): number {
  const file = pathOf(path);
  const disk = ownDisk("open", file);
  const descriptor = disk.newDescriptor();
  disk.descriptors.set(descriptor, OpenFile.open(disk, file, flags));
  return descriptor;
}

export function closeSync(descriptor: number): void {
  opened(descriptor).close();
  currentDisk().descriptors.delete(descriptor);
}

export function fsyncSync(descriptor: number): void {
  opened(descriptor).sync();
}

export function fdatasyncSync(descriptor: number): void {
  opened(descriptor).sync();
}

export function ftruncateSync(descriptor: number, length = 0): void {
  opened(descriptor).truncate(length);
}

export function writeSync(
  descriptor: number,
  data: string | Uint8Array,
  offset = 0,
  length: number = data.length - offset,
  position: number | null = null,
): number {
  if (typeof data === "string") return opened(descriptor).write(Buffer.from(data), null);
  return opened(descriptor).write(data.subarray(offset, offset + length), position);
}

export function readSync(
  descriptor: number,
  buffer: Uint8Array,
  offset = 0,
  length: number = buffer.length - offset,
  position: number | null = null,
): number {
  return opened(descriptor).read(buffer.subarray(offset, offset + length), position);
}

export function readFileSync(
  path: Path,
  options: BufferEncoding | { readonly encoding: BufferEncoding },
): string;
export function readFileSync(path: Path, options?: { readonly encoding?: null } | null): Buffer;
export function readFileSync(path: Path, options?: Encoding): string | Buffer {
  const file = pathOf(path);
  const disk = diskOf(file);
  const encoding = typeof options === "string" ? options : options?.encoding;
  const bytes = disk === undefined ? machine.readFileSync(file) : OpenFile.open(disk, file, "r").readAll();
  return encoding == null ? bytes : bytes.toString(encoding);
}

export function writeFileSync(path: Path, data: string | Uint8Array): void {
  const descriptor = openSync(path, "w");
  writeSync(descriptor, data);
  closeSync(descriptor);
}

export function renameSync(from: Path, to: Path): void {
  const source = pathOf(from);
  const disk = ownDisk("rename", source);
  disk.write("names", () => disk.volume.rename(source, pathOf(to)));
}

export function unlinkSync(path: Path): void {
  const file = pathOf(path);
  const disk = ownDisk("unlink", file);
  if (disk.volume.find(file) === undefined) throw noSuch("unlink", file);
  disk.write("names", () => disk.volume.remove(file));
}

export function rmSync(
  path: Path,
  options: { readonly force?: boolean; readonly recursive?: boolean } = {},
): void {
  const file = pathOf(path);
  const disk = ownDisk("rm", file);
  if (disk.volume.isDirectory(file)) {
    if (options.recursive !== true) throw new DiskFailure("ERR_FS_EISDIR", `rm '${file}' is a directory`);
    disk.write("names", () => disk.volume.removeDirectory(file));
    return;
  }
  if (disk.volume.find(file) !== undefined) disk.write("names", () => disk.volume.remove(file));
  else if (options.force !== true) throw noSuch("rm", file);
}

export function readdirSync(path: Path): string[] {
  const directory = pathOf(path);
  const disk = diskOf(directory);
  if (disk === undefined) return machine.readdirSync(directory);
  return disk.volume.list(directory).map((each) => each.slice(directory.length + 1));
}

/** What is known of a file. */
export interface FileStatus {
  readonly size: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

export function statSync(path: Path): FileStatus {
  const file = pathOf(path);
  const disk = diskOf(file);
  if (disk === undefined) return machine.statSync(file);
  const directory = disk.volume.isDirectory(file);
  const inode = disk.volume.find(file);
  if (!directory && inode === undefined) throw noSuch("stat", file);
  return { size: inode?.bytes.length ?? 0, isFile: () => !directory, isDirectory: () => directory };
}
