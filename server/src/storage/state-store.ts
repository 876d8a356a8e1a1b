import type { Database, Statement } from "better-sqlite3";
import type { Limits } from "../state-machine/agreed-limits.js";
import type { SetMember } from "../state-machine/command.js";
import type { Change, HistoryReader } from "../state-machine/entry.js";
import type { Quota } from "../state-machine/quota.js";
import type { LeaseImage, StateDelta, StateImage, StateMeta } from "../state-machine/state-image.js";
import { readChanges } from "./change-pages.js";
import { type ChangeNumbers, type ChangeRow, toChange } from "./change-row.js";
import { checksumOf } from "./checksum.js";
import { CorruptData, UnusableDataDirectory } from "./errors.js";
import { damageOf, openDatabase } from "./sqlite.js";
import { decodeLease, decodeMember, encodeLease, encodeMember } from "./state-store-records.js";
import { keyFromBytes, keyToBytes } from "./state-store-results.js";

/** Format of the tables and of the records in them, in a state whose history has no id. */
export const STATE_FORMAT = 4;
/** The same with the table of the history's id. Made with the id, which is given once all members read this format. */
export const HISTORY_ID_STATE_FORMAT = 5;

/** Pages (of 8 KiB) a backup copies at once, between turns of the event loop: about 1 MiB, some milliseconds. */
const BACKUP_PAGES = 128;

type ChangeColumns = [
  seq: number,
  revision: number,
  key: Uint8Array,
  put: number,
  value: Uint8Array | null,
  createRevision: number,
  version: number,
  lease: number,
  checksum: number,
];

type MetaColumns = [number, number, number, number, number, number, number, Uint8Array, string, number];

type MetaRow = Omit<StateMeta, "configuration"> & {
  readonly configuration: Buffer;
  readonly checksum: number;
};

type LimitsColumns = [spaceBytesMax: number, sessionResultBytesMax: number];

interface RecordRow {
  readonly id: number;
  readonly record: Buffer;
}

interface LeaseRow extends RecordRow {
  readonly checksum: number;
}

/**
 * The state on disk: one SQLite file, `state.db`. The history is one table by change number, append-only but for
 * compaction, so a write touches the end of one tree; there is no index on revisions, since they rise with the number.
 *
 * Invariant: nothing is handed out that is not what was written. The state hash covers what is current, and checksums
 * what it does not: older versions, the results that sessions keep, and the numbers of the state.
 */
export class StateStore implements HistoryReader {
  readonly #db: Database;
  readonly #file: string;
  readonly #selectChange: Statement<[number], ChangeRow>;
  readonly #selectFrom: Statement<[number], ChangeRow>;
  readonly #selectBefore: Statement<[number], ChangeRow>;
  readonly #selectPosition: Statement<[number], { seq: number; revision: number }>;
  readonly #insertChange: Statement<ChangeColumns>;
  readonly #deleteChange: Statement<[number]>;
  readonly #putLease: Statement<[number, Uint8Array, number]>;
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
      return new StateStore(db, file);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  private constructor(db: Database, file: string) {
    this.#db = db;
    this.#file = file;
    this.#selectChange = db.prepare("SELECT * FROM change WHERE seq = ?");
    this.#selectFrom = db.prepare("SELECT * FROM change WHERE seq >= ? ORDER BY seq");
    this.#selectBefore = db.prepare("SELECT * FROM change WHERE seq < ? ORDER BY seq DESC LIMIT 1");
    this.#selectPosition = db.prepare("SELECT seq, revision FROM change WHERE seq >= ? ORDER BY seq LIMIT 1");
    this.#insertChange = db.prepare("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#deleteChange = db.prepare("DELETE FROM change WHERE seq = ?");
    this.#putLease = db.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?)");
    this.#deleteLease = db.prepare("DELETE FROM lease WHERE id = ?");
    this.#putMember = db.prepare("INSERT INTO member VALUES (?, ?)");
    this.#deleteMembers = db.prepare("DELETE FROM member");
    this.#putQuota = db.prepare("INSERT INTO quota VALUES (?, ?, ?)");
    this.#deleteQuotas = db.prepare("DELETE FROM quota");
    this.#putLimits = db.prepare("INSERT OR REPLACE INTO limits VALUES (0, ?, ?)");
    this.#putMeta = db.prepare("INSERT OR REPLACE INTO meta VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#selectMeta = db.prepare(
      `SELECT applied_index AS appliedIndex, applied_term AS appliedTerm, revision,
         compacted_revision AS compactedRevision, last_seq AS lastSeq, next_lease_id AS nextLeaseId,
         configuration_index AS configurationIndex, configuration, hash, checksum
       FROM meta`,
    );
    this.#writeAll = db.transaction((delta: StateDelta) => this.#write(delta));
  }

  /**
   * The numbers of the state; undefined when nothing was written yet.
   * @throws CorruptData when they are not those that were written.
   */
  meta(): StateMeta | undefined {
    const row = this.#selectMeta.get();
    if (row === undefined) return undefined;
    // A plain array that is nobody else's: what SQLite returns is a view.
    const { checksum, ...meta } = { ...row, configuration: Uint8Array.from(row.configuration) };
    if (metaChecksum(meta) !== checksum) {
      throw new CorruptData(`${this.#file}: the numbers of the state do not match their checksum`);
    }
    return meta;
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
      changes: readChanges(this.#db, this.#file, (seq) => this.change(seq)),
      leases: this.#leases(),
      members: this.#members(),
      quotas: this.#quotas(),
      limits: this.#limits(),
      historyId: this.#historyId(),
    };
  }

  /** Writes a delta, durably and in one transaction with the index it stands at. */
  write(delta: StateDelta): void {
    this.#writeAll(delta);
  }

  /**
   * The change of that number, without `previous`; undefined when it is not on disk.
   * @throws CorruptData when it is not what was written.
   */
  change(seq: number): Change | undefined {
    const row = this.#reading(() => this.#selectChange.get(seq));
    return row === undefined ? undefined : toChange(row, this.#file);
  }

  /**
   * The changes on disk from `revision` on, in order and without `previous`: `limit` of them, and as many more as the
   * last revision needs to be whole.
   * @throws CorruptData when one is not what was written.
   */
  changesFrom(revision: number, limit: number): Change[] {
    return this.#reading(() => {
      const first = this.#firstSeqOf(revision);
      // The search believes what it reads. That this one is sound shows that it ended where it should.
      const before = this.#selectBefore.get(first);
      if (before !== undefined) toChange(before, this.#file);
      const changes: Change[] = [];
      for (const row of this.#selectFrom.iterate(first)) {
        if (changes.length >= limit && row.revision !== changes[changes.length - 1]?.revision) break;
        changes.push(toChange(row, this.#file));
      }
      return changes;
    });
  }

  /** Copies the state into `file`, some pages at a time; what is written meanwhile is in the copy, whole. */
  async backup(file: string): Promise<void> {
    await this.#db.backup(file, { progress: () => BACKUP_PAGES });
  }

  close(): void {
    this.#db.close();
  }

  /** Reads, and names the file when SQLite finds it damaged. */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw damageOf(this.#file, error);
    }
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
    for (const change of delta.changes) this.#writeChange(change);
    for (const seq of delta.forgotten) this.#deleteChange.run(seq);
    for (const id of delta.leasesRemoved) this.#deleteLease.run(id);
    for (const lease of delta.leases) {
      const record = encodeLease(lease);
      this.#putLease.run(lease.id, record, checksumOf([lease.id], record));
    }
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
    if (delta.historyId !== undefined) this.#writeHistoryId(delta.historyId);
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
      metaChecksum(meta),
    );
  }

  #writeChange({ seq, revision, key, entry }: Change): void {
    const bytes = keyToBytes(key);
    if (entry === undefined) {
      const numbers: ChangeNumbers = [seq, revision, 0, 0, 0, 0, bytes.length];
      const checksum = checksumOf(numbers, bytes);
      this.#insertChange.run(seq, revision, bytes, 0, null, 0, 0, 0, checksum);
      return;
    }
    const { value, createRevision, version, lease } = entry;
    const numbers: ChangeNumbers = [seq, revision, 1, createRevision, version, lease, bytes.length];
    const checksum = checksumOf(numbers, bytes, value);
    this.#insertChange.run(seq, revision, bytes, 1, value, createRevision, version, lease, checksum);
  }

  *#leases(): Generator<LeaseImage> {
    const rows = this.#db.prepare<[], LeaseRow>("SELECT id, record, checksum FROM lease ORDER BY id");
    for (const { id, record, checksum } of rows.iterate()) {
      if (checksumOf([id], record) !== checksum) {
        throw new CorruptData(`${this.#file}: lease ${id} does not match its checksum`);
      }
      yield decodeLease(id, record);
    }
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

  /** In the transaction of its delta: a file has the newer format from when it has an id, and not before. */
  #writeHistoryId(id: string): void {
    this.#db.exec(`
      CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY CHECK (id = 0), history_id TEXT NOT NULL) STRICT;
      PRAGMA user_version = ${HISTORY_ID_STATE_FORMAT};
    `);
    this.#db.prepare<[string]>("INSERT OR REPLACE INTO history VALUES (0, ?)").run(id);
  }

  #historyId(): string | undefined {
    if (formatOf(this.#db) < HISTORY_ID_STATE_FORMAT) return undefined;
    return this.#db.prepare<[], string>("SELECT history_id FROM history").pluck().get();
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
          create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,
          checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE lease (
          id INTEGER PRIMARY KEY, record BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE member (id INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
        CREATE TABLE meta (
          id INTEGER PRIMARY KEY CHECK (id = 0), applied_index INTEGER NOT NULL,
          applied_term INTEGER NOT NULL, revision INTEGER NOT NULL, compacted_revision INTEGER NOT NULL,
          last_seq INTEGER NOT NULL, next_lease_id INTEGER NOT NULL,
          configuration_index INTEGER NOT NULL, configuration BLOB NOT NULL, hash TEXT NOT NULL,
          checksum INTEGER NOT NULL) STRICT;
        CREATE TABLE quota (
          key BLOB PRIMARY KEY, keys_max INTEGER NOT NULL, bytes_max INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE limits (
          id INTEGER PRIMARY KEY CHECK (id = 0), space_bytes_max INTEGER NOT NULL,
          session_result_bytes_max INTEGER NOT NULL) STRICT;
        PRAGMA user_version = ${STATE_FORMAT};
      `);
    })();
  }
  const format = formatOf(db);
  if (format !== STATE_FORMAT && format !== HISTORY_ID_STATE_FORMAT) {
    throw new UnusableDataDirectory(
      `${file} has state format ${format}, this version of Quorate reads formats ${STATE_FORMAT} and ${HISTORY_ID_STATE_FORMAT}`,
    );
  }
}

function formatOf(db: Database): number {
  return Number(db.pragma("user_version", { simple: true }));
}

function metaChecksum(meta: StateMeta): number {
  const { appliedIndex, appliedTerm, revision, compactedRevision, lastSeq, nextLeaseId } = meta;
  return checksumOf(
    [appliedIndex, appliedTerm, revision, compactedRevision, lastSeq, nextLeaseId, meta.configurationIndex],
    meta.configuration,
    Buffer.from(meta.hash),
  );
}
