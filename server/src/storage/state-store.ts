import type { Database, Statement } from "better-sqlite3";
import type { Limits } from "../state-machine/agreed-limits.js";
import type { SetMember } from "../state-machine/command.js";
import type { Change, HistoryReader } from "../state-machine/entry.js";
import type { Quota } from "../state-machine/quota.js";
import type { LeaseImage, StateDelta, StateImage, StateMeta } from "../state-machine/state-image.js";
import { readChanges } from "./change-pages.js";
import { CorruptData, UnusableDataDirectory } from "./errors.js";
import { openDatabase } from "./sqlite.js";
import { decodeLease, decodeMember, encodeLease, encodeMember } from "./state-store-records.js";
import { keyFromBytes, keyToBytes } from "./state-store-results.js";

/** Newest format of the tables and of the records in them: format 3 has quotas or limits. */
export const STATE_FORMAT = 3;
/** Format of a state without them, which older versions can read, as long as there are none. */
const PLAIN_FORMAT = 2;

/** Pages (of 8 KiB) a backup copies at once, between turns of the event loop: about 1 MiB, some milliseconds. */
const BACKUP_PAGES = 128;

interface ChangeRow {
  readonly seq: number;
  readonly revision: number;
  readonly key: Buffer;
  readonly put: number;
  readonly value: Buffer | null;
  readonly create_revision: number;
  readonly version: number;
  readonly lease: number;
}

type ChangeColumns = [number, number, Uint8Array, number, Uint8Array | null, number, number, number];

type MetaColumns = [number, number, number, number, number, number, number, Uint8Array, string];

type MetaRow = Omit<StateMeta, "configuration"> & { readonly configuration: Buffer };

type LimitsColumns = [spaceBytesMax: number, sessionResultBytesMax: number];

interface RecordRow {
  readonly id: number;
  readonly record: Buffer;
}

/**
 * The state on disk: one SQLite file, `state.db`. The history is one table by change number, append-only but for
 * compaction, so a write touches the end of one tree; there is no index on revisions, since they rise with the number.
 */
export class StateStore implements HistoryReader {
  readonly #db: Database;
  readonly #selectChange: Statement<[number], ChangeRow>;
  readonly #selectFrom: Statement<[number], ChangeRow>;
  readonly #selectPosition: Statement<[number], { seq: number; revision: number }>;
  readonly #insertChange: Statement<ChangeColumns>;
  readonly #deleteChange: Statement<[number]>;
  readonly #putLease: Statement<[number, Uint8Array]>;
  readonly #deleteLease: Statement<[number]>;
  readonly #putMember: Statement<[number, Uint8Array]>;
  readonly #deleteMembers: Statement<[]>;
  readonly #putQuota: Statement<[Uint8Array, number, number]>;
  readonly #deleteQuotas: Statement<[]>;
  readonly #putLimits: Statement<LimitsColumns>;
  readonly #putMeta: Statement<MetaColumns>;
  readonly #selectMeta: Statement<[], MetaRow>;
  readonly #writeAll: (delta: StateDelta) => void;

  /**
   * Opens the state in `file`, creating an empty one when there is none.
   * @throws UnusableDataDirectory when it was written in another format.
   */
  static open(file: string): StateStore {
    const db = openDatabase(file);
    try {
      prepareTables(db, file);
      return new StateStore(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  private constructor(db: Database) {
    this.#db = db;
    this.#selectChange = db.prepare("SELECT * FROM change WHERE seq = ?");
    this.#selectFrom = db.prepare("SELECT * FROM change WHERE seq >= ? ORDER BY seq");
    this.#selectPosition = db.prepare("SELECT seq, revision FROM change WHERE seq >= ? ORDER BY seq LIMIT 1");
    this.#insertChange = db.prepare("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    this.#deleteChange = db.prepare("DELETE FROM change WHERE seq = ?");
    this.#putLease = db.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?)");
    this.#deleteLease = db.prepare("DELETE FROM lease WHERE id = ?");
    this.#putMember = db.prepare("INSERT INTO member VALUES (?, ?)");
    this.#deleteMembers = db.prepare("DELETE FROM member");
    this.#putQuota = db.prepare("INSERT INTO quota VALUES (?, ?, ?)");
    this.#deleteQuotas = db.prepare("DELETE FROM quota");
    this.#putLimits = db.prepare("INSERT OR REPLACE INTO limits VALUES (0, ?, ?)");
    this.#putMeta = db.prepare("INSERT OR REPLACE INTO meta VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#selectMeta = db.prepare(
      `SELECT applied_index AS appliedIndex, applied_term AS appliedTerm, revision,
         compacted_revision AS compactedRevision, last_seq AS lastSeq, next_lease_id AS nextLeaseId,
         configuration_index AS configurationIndex, configuration, hash
       FROM meta`,
    );
    this.#writeAll = db.transaction((delta: StateDelta) => this.#write(delta));
  }

  /** The numbers of the state; undefined when nothing was written yet. */
  meta(): StateMeta | undefined {
    const row = this.#selectMeta.get();
    if (row === undefined) return undefined;
    // A plain array that is nobody else's: what SQLite returns is a view.
    return { ...row, configuration: Uint8Array.from(row.configuration) };
  }

  /**
   * The whole state; undefined when nothing was written yet. Its changes and records are read as they are walked, and
   * nothing may be written meanwhile.
   */
  load(): StateImage | undefined {
    const meta = this.meta();
    if (meta === undefined) return undefined;
    return {
      meta,
      changes: readChanges(this.#db, (seq) => this.change(seq)),
      leases: this.#leases(),
      members: this.#members(),
      quotas: this.#quotas(),
      limits: this.#limits(),
    };
  }

  /** Writes a delta, durably and in one transaction with the index it stands at. */
  write(delta: StateDelta): void {
    this.#writeAll(delta);
  }

  /** The change of that number, without `previous`; undefined when it is not on disk. */
  change(seq: number): Change | undefined {
    const row = this.#selectChange.get(seq);
    return row === undefined ? undefined : toChange(row);
  }

  /**
   * The changes on disk from `revision` on, in order and without `previous`: `limit` of them, and as many more as the
   * last revision needs to be whole.
   */
  changesFrom(revision: number, limit: number): Change[] {
    const changes: Change[] = [];
    for (const row of this.#selectFrom.iterate(this.#firstSeqOf(revision))) {
      if (changes.length >= limit && row.revision !== changes[changes.length - 1]?.revision) break;
      changes.push(toChange(row));
    }
    return changes;
  }

  /** Copies the state into `file`, some pages at a time; what is written meanwhile is in the copy, whole. */
  async backup(file: string): Promise<void> {
    await this.#db.backup(file, { progress: () => BACKUP_PAGES });
  }

  close(): void {
    this.#db.close();
  }

  /** The lowest number whose change is of `revision` or later. Searches by number: revisions rise with it. */
  #firstSeqOf(revision: number): number {
    let low = 0;
    let high = (this.meta()?.lastSeq ?? 0) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      // Numbers have gaps where history was compacted, so a probe finds the next one there is.
      const found = this.#selectPosition.get(middle);
      if (found === undefined || found.revision >= revision) high = middle;
      else low = found.seq + 1;
    }
    return low;
  }

  #write(delta: StateDelta): void {
    for (const { seq, revision, key, entry } of delta.changes) {
      const bytes = keyToBytes(key);
      if (entry === undefined) this.#insertChange.run(seq, revision, bytes, 0, null, 0, 0, 0);
      else {
        const { value, createRevision, version, lease } = entry;
        this.#insertChange.run(seq, revision, bytes, 1, value, createRevision, version, lease);
      }
    }
    for (const seq of delta.forgotten) this.#deleteChange.run(seq);
    for (const id of delta.leasesRemoved) this.#deleteLease.run(id);
    for (const lease of delta.leases) this.#putLease.run(lease.id, encodeLease(lease));
    if (delta.members !== undefined) {
      this.#deleteMembers.run();
      for (const member of delta.members) this.#putMember.run(member.memberId, encodeMember(member));
    }
    if (delta.quotas !== undefined) {
      this.#deleteQuotas.run();
      for (const { key, keysMax, bytesMax } of delta.quotas) {
        this.#putQuota.run(keyToBytes(key), keysMax, bytesMax);
      }
    }
    if (delta.limits !== undefined) {
      this.#putLimits.run(delta.limits.spaceBytesMax, delta.limits.sessionResultBytesMax);
    }
    // An older version would go on without them, and differ from the other nodes: it must refuse the file instead.
    if (delta.quotas !== undefined || delta.limits !== undefined) {
      this.#db.pragma(`user_version = ${STATE_FORMAT}`);
    }
    const { meta } = delta;
    this.#putMeta.run(
      meta.appliedIndex,
      meta.appliedTerm,
      meta.revision,
      meta.compactedRevision,
      meta.lastSeq,
      meta.nextLeaseId,
      meta.configurationIndex,
      meta.configuration,
      meta.hash,
    );
  }

  *#leases(): Generator<LeaseImage> {
    const rows = this.#db.prepare<[], RecordRow>("SELECT id, record FROM lease ORDER BY id");
    for (const { id, record } of rows.iterate()) yield decodeLease(id, record);
  }

  *#members(): Generator<SetMember> {
    const rows = this.#db.prepare<[], RecordRow>("SELECT id, record FROM member ORDER BY id");
    for (const { record } of rows.iterate()) yield decodeMember(record);
  }

  *#quotas(): Generator<Quota> {
    const rows = this.#db.prepare<[], { key: Buffer; keysMax: number; bytesMax: number }>(
      "SELECT key, keys_max AS keysMax, bytes_max AS bytesMax FROM quota ORDER BY key",
    );
    for (const { key, ...maxima } of rows.iterate()) yield { key: keyFromBytes(key), ...maxima };
  }

  #limits(): Limits | undefined {
    return this.#db
      .prepare<[], Limits>(
        "SELECT space_bytes_max AS spaceBytesMax, session_result_bytes_max AS sessionResultBytesMax FROM limits",
      )
      .get();
  }
}

function prepareTables(db: Database, file: string): void {
  const tables = db
    .prepare<[], number>("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'")
    .pluck()
    .get();
  if (tables === 0) {
    db.transaction(() => {
      db.exec(`
        CREATE TABLE change (
          seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key BLOB NOT NULL, put INTEGER NOT NULL, value BLOB,
          create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL) STRICT;
        CREATE TABLE lease (id INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
        CREATE TABLE member (id INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
        CREATE TABLE meta (
          id INTEGER PRIMARY KEY CHECK (id = 0), applied_index INTEGER NOT NULL,
          applied_term INTEGER NOT NULL, revision INTEGER NOT NULL, compacted_revision INTEGER NOT NULL,
          last_seq INTEGER NOT NULL, next_lease_id INTEGER NOT NULL,
          configuration_index INTEGER NOT NULL, configuration BLOB NOT NULL, hash TEXT NOT NULL) STRICT;
        PRAGMA user_version = ${PLAIN_FORMAT};
      `);
    })();
  }
  const format = db.pragma("user_version", { simple: true });
  if (format !== PLAIN_FORMAT && format !== STATE_FORMAT) {
    throw new UnusableDataDirectory(
      `${file} has state format ${String(format)}, this version of Quorate reads formats ${PLAIN_FORMAT} and ${STATE_FORMAT}`,
    );
  }
  db.exec(`
    CREATE TABLE IF NOT EXISTS quota (
      key BLOB PRIMARY KEY, keys_max INTEGER NOT NULL, bytes_max INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS limits (
      id INTEGER PRIMARY KEY CHECK (id = 0), space_bytes_max INTEGER NOT NULL,
      session_result_bytes_max INTEGER NOT NULL) STRICT;
  `);
}

function toChange(row: ChangeRow): Change {
  const key = keyFromBytes(row.key);
  const { seq, revision } = row;
  if (row.put === 0) return { seq, revision, key, entry: undefined, previous: undefined };
  if (row.value === null) throw new CorruptData(`change ${seq} is a put without a value`);
  const value = new Uint8Array(row.value.buffer, row.value.byteOffset, row.value.byteLength);
  const { create_revision: createRevision, version, lease } = row;
  const entry = { key, value, createRevision, modRevision: revision, version, lease };
  return { seq, revision, key, entry, previous: undefined };
}
