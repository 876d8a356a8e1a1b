import { dirname } from "node:path";
import { DiskFailure, type Durability } from "./disk-faults.js";
import { Inode, type InodeLoss } from "./inode.js";

/** A change of names; a rename is one, since file systems make it atomic. */
interface NameOperation {
  readonly removed: string | undefined;
  readonly added: { readonly path: string; readonly inode: Inode } | undefined;
}

/** The names in one directory: what processes see, and what a power failure leaves. */
class Directory {
  readonly names = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  // The operations that make `names` from the durable ones.
  #unsynced: NameOperation[] = [];

  do(operation: NameOperation): void {
    enact(this.names, operation);
    this.#unsynced.push(operation);
  }

  /** A sync that failed leaves the names for the next one: file systems keep them in a journal, or stop altogether. */
  sync(durability: Durability): void {
    if (durability === "durable") this.#keep(this.#unsynced.length);
  }

  /** Goes back to what is durable and a prefix of the operations since. Returns how many were lost. */
  losePower(survivors: (count: number) => number): number {
    const count = this.#unsynced.length;
    const kept = count === 0 ? 0 : survivors(count);
    this.#keep(kept);
    this.names.clear();
    for (const [path, inode] of this.#durable) this.names.set(path, inode);
    return count - kept;
  }

  #keep(count: number): void {
    for (const operation of this.#unsynced.slice(0, count)) enact(this.#durable, operation);
    this.#unsynced = [];
  }
}

function enact(names: Map<string, Inode>, { removed, added }: NameOperation): void {
  if (removed !== undefined) names.delete(removed);
  if (added !== undefined) names.set(added.path, added.inode);
}

/** What a power failure took from a disk. */
export interface VolumeLoss {
  readonly inodes: readonly InodeLoss[];
  readonly nameOperations: number;
}

/**
 * Directories and the files in them, by absolute path. A directory is durable once it was made: what a node loses
 * without one is what it loses by a wiped disk.
 */
export class Volume {
  readonly #directories = new Map<string, Directory>();

  /** Makes a directory and those above it. Returns whether it is new. */
  makeDirectory(path: string): boolean {
    if (this.#directories.has(path)) return false;
    const parent = dirname(path);
    if (parent !== path) this.makeDirectory(parent);
    this.#directories.set(path, new Directory());
    return true;
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  find(path: string): Inode | undefined {
    return this.#directories.get(dirname(path))?.names.get(path);
  }

  /** The files in a directory and the directories below it, by name. */
  list(path: string): string[] {
    const below = [...this.#directories.keys()].filter((each) => each !== path && dirname(each) === path);
    return [...this.#parent(`${path}/.`).names.keys(), ...below].sort();
  }

  /** Makes an empty file, in place of what has that name. */
  create(path: string): Inode {
    const inode = new Inode();
    this.#parent(path).do({ removed: undefined, added: { path, inode } });
    return inode;
  }

  /** Removes a file. Returns whether there was one. */
  remove(path: string): boolean {
    if (this.find(path) === undefined) return false;
    this.#parent(path).do({ removed: path, added: undefined });
    return true;
  }

  /** Removes a directory with everything in and below it. */
  removeDirectory(path: string): void {
    for (const each of [...this.#directories.keys()]) {
      if (each === path || each.startsWith(`${path}/`)) this.#directories.delete(each);
    }
  }

  /** Gives a file another name in the same directory, in place of what has that name. */
  rename(from: string, to: string): void {
    const inode = this.find(from);
    if (inode === undefined) throw noSuch("rename", from);
    if (dirname(from) !== dirname(to))
      throw new DiskFailure("EXDEV", `rename '${from}' to another directory`);
    this.#parent(to).do({ removed: from, added: { path: to, inode } });
  }

  syncDirectory(path: string, durability: Durability): void {
    this.#parent(`${path}/.`).sync(durability);
  }

  /** Every file that has a name. */
  *inodes(): Generator<readonly [path: string, inode: Inode]> {
    for (const directory of this.#directories.values()) yield* directory.names;
  }

  /** Makes this the durable copy of another volume, as processes see that one. */
  copyOf(other: Volume): void {
    this.clear();
    for (const [path, directory] of other.#directories) {
      const copy = new Directory();
      for (const [name, inode] of directory.names) {
        copy.do({ removed: undefined, added: { path: name, inode: inode.copy() } });
      }
      copy.sync("durable");
      this.#directories.set(path, copy);
    }
  }

  losePower(survivors: (count: number) => number): VolumeLoss {
    let nameOperations = 0;
    for (const directory of this.#directories.values()) nameOperations += directory.losePower(survivors);
    const inodes = [...this.inodes()].map(([, inode]) => inode.losePower(survivors));
    return { inodes, nameOperations };
  }

  clear(): void {
    this.#directories.clear();
  }

  #parent(path: string): Directory {
    const directory = this.#directories.get(dirname(path));
    if (directory === undefined) throw noSuch("open", path);
    return directory;
  }
}

/** What the operating system says of a file that is not there. */
export function noSuch(call: string, path: string): DiskFailure {
  return new DiskFailure("ENOENT", `ENOENT: no such file or directory, ${call} '${path}'`);
}
