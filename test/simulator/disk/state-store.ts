import { dirname, resolve } from "node:path";
import type {
  Change,
  HistoryReader,
  LeaseImage,
  SetMember,
  StateDelta,
  StateImage,
  StateMeta,
} from "../../../server/src/state-machine/index.js";
import { CorruptData } from "../../../server/src/storage/errors.js";
import type { StateStore as SqliteStateStore } from "../../../server/src/storage/state-store.js";
import type { Inode } from "./inode.js";
import { currentDisk, type SimulatedDisk } from "./simulated-disk.js";
import type { StateDatabase } from "./state-database.js";

/** In place of the store on SQLite: the same behaviour on the disk of the process that runs. */
export class StateStore implements HistoryReader, Pick<SqliteStateStore, keyof SqliteStateStore> {
  readonly #disk: SimulatedDisk;
  readonly #boot: number;
  readonly #inode: Inode;
  readonly #database: StateDatabase;
  #closed = false;

  static open(file: string): StateStore {
    const disk = currentDisk();
    disk.enter();
    const path = resolve(file);
    const inode = openInode(disk, path);
    const database = inode.openState(path);
    if (disk.checkpointsAtOpen && disk.syncs) database.checkpoint();
    const { meta } = database;
    if (database.settled && meta !== undefined && path.endsWith("/state.db"))
      disk.onStateWrite?.(meta.appliedIndex);
    return new StateStore(disk, inode, database);
  }

  private constructor(disk: SimulatedDisk, inode: Inode, database: StateDatabase) {
    this.#disk = disk;
    this.#boot = disk.bootNumber;
    this.#inode = inode;
    this.#database = database;
  }

  meta(): StateMeta | undefined {
    this.#enter();
    return this.#database.meta;
  }

  load(): StateImage | undefined {
    const meta = this.meta();
    if (meta === undefined) return undefined;
    const { quotas, limits, historyId } = this.#database;
    return {
      meta,
      changes: this.#changes(),
      leases: this.#leases(),
      members: this.#members(),
      quotas,
      limits,
      historyId,
    };
  }

  write(delta: StateDelta): void {
    this.#enter();
    this.#disk.write("sqlite", (durability) => {
      this.#inode.stateChanges();
      this.#database.write(delta, durability);
      if (this.#database.settled) this.#disk.onStateWrite?.(delta.meta.appliedIndex);
    });
  }

  change(seq: number): Change | undefined {
    this.#enter();
    return this.#database.changes.get(seq);
  }

  changesFrom(revision: number, limit: number): Change[] {
    this.#enter();
    const changes: Change[] = [];
    for (const row of this.#database.changes.from(revision)) {
      if (changes.length >= limit && row.revision !== changes[changes.length - 1]?.revision) break;
      changes.push(row);
    }
    return changes;
  }

  /** The copy is made at one moment of the time it takes: what is written before that is in it, whole. */
  async backup(file: string): Promise<void> {
    this.#enter();
    const path = resolve(file);
    const disk = this.#disk;
    const target = disk.volume.find(path) ?? disk.volume.create(path);
    await disk.pass();
    this.#enter();
    disk.write("sqlite", (durability) => {
      const { plain } = target;
      plain.truncate(0);
      plain.write(0, this.#database.encode());
      plain.sync(durability);
      disk.volume.syncDirectory(dirname(path), durability);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#enter();
    this.#closed = true;
    if (this.#disk.syncs) this.#database.checkpoint();
  }

  #enter(): void {
    this.#disk.enter(this.#boot);
    if (this.#closed) throw new TypeError("The database connection is not open");
  }

  *#changes(): Generator<Change> {
    this.#enter();
    yield* this.#database.changes.all();
  }

  *#leases(): Generator<LeaseImage> {
    this.#enter();
    yield* this.#database.leases();
  }

  *#members(): Generator<SetMember> {
    this.#enter();
    yield* this.#database.members;
  }
}

function openInode(disk: SimulatedDisk, path: string): Inode {
  const { volume } = disk;
  const found = volume.find(path);
  if (found !== undefined) return found;
  if (!volume.isDirectory(dirname(path))) {
    throw new TypeError("Cannot open database because the directory does not exist");
  }
  disk.write("sqlite", (durability) => {
    volume.create(path).openState(path);
    // SQLite syncs the directory with the first transaction, since its journal is a new file there.
    volume.syncDirectory(dirname(path), durability);
  });
  const created = volume.find(path);
  if (created === undefined) throw new CorruptData(`${path} vanished`);
  return created;
}
