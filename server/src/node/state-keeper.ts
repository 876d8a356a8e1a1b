import { renameSync, rmSync } from "node:fs";
import { bounds } from "../config.js";
import {
  type Change,
  type HistoryReader,
  type Key,
  StateMachine,
  type StateMeta,
} from "../state-machine/index.js";
import type { DataDirectory } from "../storage/data-directory.js";
import { syncDirectory } from "../storage/durable-file.js";
import { StateStore } from "../storage/state-store.js";
import type { WatchHistory } from "./watch-hub.js";

/**
 * The state machine and its copy on disk. The copy follows lazily, in batches, each with the applied index it stands
 * at; the log reaches back to that index, so what is not on disk yet is applied again after a restart.
 */
export class StateKeeper implements HistoryReader, WatchHistory {
  private readonly directory: DataDirectory;
  private readonly onDamage: (error: unknown) => void;
  private store: StateStore;
  private current: StateMachine;
  private durable: number;
  private flushedSeq: number;
  /** Why the copy on disk can follow no more. */
  private failure: { readonly error: unknown } | undefined;

  /** `onDamage` is told of data on the disk that cannot be read: whoever asked for them gets the error as well. */
  constructor(directory: DataDirectory, onDamage: (error: unknown) => void) {
    this.directory = directory;
    this.onDamage = onDamage;
    for (const file of [directory.incomingFile, directory.outgoingFile]) removeDatabase(file);
    this.store = StateStore.open(directory.stateFile);
    this.current = this.load();
    this.durable = this.current.appliedIndex;
    this.flushedSeq = this.current.lastSeq;
  }

  private load(): StateMachine {
    const image = this.store.load();
    return image === undefined ? new StateMachine(this) : StateMachine.restore(image, this);
  }

  get machine(): StateMachine {
    return this.current;
  }

  /** The index at which the copy on disk stands. */
  get durableIndex(): number {
    return this.durable;
  }

  get revision(): number {
    return this.current.revision;
  }

  get compactedRevision(): number {
    return this.current.compactedRevision;
  }

  change(seq: number): Change | undefined {
    return this.stored(() => this.store.change(seq));
  }

  private stored<Found>(read: () => Found): Found {
    try {
      return read();
    } catch (error) {
      this.onDamage(error);
      throw error;
    }
  }

  changesFrom(revision: number, limit: number): readonly Change[] {
    const { changeLog } = this.current;
    if (revision < changeLog.firstRevision) {
      const stored = this.stored(() => this.store.changesFrom(revision, limit));
      if (stored.length > 0) return stored;
    }
    return changeLog.from(Math.max(revision, changeLog.firstRevision), limit);
  }

  previousOf(key: Key, revision: number): Change["previous"] {
    return this.current.previousOf(key, revision);
  }

  /**
   * Writes what changed since the last time, in one transaction. Once that has failed it fails for ever: what was taken
   * to be written is in neither place, so nothing may follow it, whoever caught the first error.
   */
  flush(): void {
    if (this.failure !== undefined) throw this.failure.error;
    if (this.durable === this.current.appliedIndex) return;
    const delta = this.current.takeDelta();
    try {
      this.store.write(delta);
    } catch (error) {
      this.failure = { error };
      throw error;
    }
    this.durable = this.current.appliedIndex;
    this.flushedSeq = this.current.lastSeq;
    this.current.changeLog.trim(this.flushedSeq);
  }

  /** Whether so much has changed since the last flush that one should not wait for its time. */
  get flushDue(): boolean {
    return this.current.lastSeq - this.flushedSeq >= bounds.flushChangesMax;
  }

  /** Copies the state as it is on disk into a file, in the background; the copy may be newer than the call. */
  async copyTo(file: string): Promise<void> {
    removeDatabase(file);
    this.flush();
    await this.store.backup(file);
  }

  /**
   * The state in a received file, read and checked whole. A large one takes seconds, in which the node must go on: its
   * peers would take it for dead, and its vote may be needed.
   * @throws Error when the file does not hold a state, or not the one its hash is of.
   */
  async verify(file: string): Promise<StateMachine> {
    const store = StateStore.open(file);
    try {
      const image = store.load();
      if (image === undefined) throw new Error(`${file} holds no state`);
      const steps = StateMachine.restoring(image, this, bounds.snapshotVerifiedChangesMax);
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
    } finally {
      store.close();
    }
  }

  /** Puts a received copy, and the state that was found in it, in place of the present ones. */
  install(file: string, verified: StateMachine): void {
    this.store.close();
    // Closed, the old file is complete without these; left behind, they would be taken for the new one's. The file
    // itself is replaced by the rename: at no moment is there no state.
    for (const suffix of ["-wal", "-shm"]) rmSync(this.directory.stateFile + suffix, { force: true });
    renameSync(file, this.directory.stateFile);
    syncDirectory(this.directory.path);
    this.store = StateStore.open(this.directory.stateFile);
    this.current = verified;
    this.durable = this.current.appliedIndex;
    this.flushedSeq = this.current.lastSeq;
  }

  close(): void {
    if (this.failure === undefined) this.flush();
    this.store.close();
  }
}

/** The numbers of the state in a file that nobody has open. */
export function readStateMeta(file: string): StateMeta {
  const store = StateStore.open(file);
  try {
    const meta = store.meta();
    if (meta === undefined) throw new Error(`${file} holds no state`);
    return meta;
  } finally {
    store.close();
  }
}

/** Removes a SQLite file and what SQLite keeps beside it. */
export function removeDatabase(file: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(file + suffix, { force: true });
}
