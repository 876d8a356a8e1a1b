import type { Database } from "better-sqlite3";
import type { Change } from "../state-machine/entry.js";
import { type ChangeNumbers, damagedChange } from "./change-row.js";
import { checksumOf } from "./checksum.js";
import { CorruptData } from "./errors.js";

/** Changes read at once, and bytes of a value above which it is read by itself: a page has at most 1.3 MiB. */
const PAGE_CHANGES = 256;
const PAGED_VALUE_BYTES_MAX = 4_096;

interface PageRow {
  readonly numbers: string;
  /** Keys and values, one after the other. */
  readonly bytes: Buffer | null;
}

/** A change without its bytes; `valueBytes` is -1 for none. */
type Numbers = [...ChangeNumbers, valueBytes: number, checksum: number];

/**
 * Every stored change, in order and without `previous`, in pages of one row each: a start reads millions of them, and
 * most of what a row costs is the row and its buffers. `changeOf` reads a single one, with a value too large for a page.
 * @throws CorruptData when one is not what was written.
 */
export function* readChanges(
  db: Database,
  file: string,
  changeOf: (seq: number) => Change | undefined,
): Generator<Change> {
  // Both aggregates see the rows in the same order; were it not that of their numbers, the state machine would refuse.
  const selectPage = db.prepare<[number], PageRow>(
    `SELECT
       json_group_array(json_array(
         seq, revision, put, create_revision, version, lease, length(key), coalesce(length(value), -1),
         checksum)) AS numbers,
       CAST(group_concat(
         key || CASE WHEN length(value) <= ${PAGED_VALUE_BYTES_MAX} THEN value ELSE x'' END, '') AS BLOB) AS bytes
     FROM (SELECT * FROM change WHERE seq >= ? ORDER BY seq LIMIT ${PAGE_CHANGES})`,
  );
  for (let next = 0; ; ) {
    const page = selectPage.get(next);
    const rows = page === undefined ? [] : (JSON.parse(page.numbers) as Numbers[]);
    const last = rows[rows.length - 1];
    if (last === undefined) return;
    for (const change of changesOf(rows, page?.bytes ?? Buffer.alloc(0), file)) {
      yield typeof change === "number" ? wholeChange(change, file, changeOf) : change;
    }
    next = last[0] + 1;
  }
}

/**
 * The changes of a page, and of those with a value too large for one the number, since they are to be in memory one by one.
 * An array: walking a million of them through a second generator takes a while.
 */
function changesOf(rows: readonly Numbers[], bytes: Buffer, file: string): (Change | number)[] {
  const changes: (Change | number)[] = [];
  let at = 0;
  for (const [seq, revision, put, createRevision, version, lease, keyBytes, valueBytes, checksum] of rows) {
    const keyAt = at;
    at += keyBytes;
    if (valueBytes > PAGED_VALUE_BYTES_MAX) {
      changes.push(seq);
      continue;
    }
    const valueAt = at;
    at += Math.max(0, valueBytes);
    // The key and the value are one after the other here, as the checksum covers them.
    const numbers: ChangeNumbers = [seq, revision, put, createRevision, version, lease, keyBytes];
    if (checksumOf(numbers, bytes.subarray(keyAt, at)) !== checksum) throw damagedChange(seq, file);
    const key = bytes.toString("latin1", keyAt, valueAt);
    if (put === 0) {
      changes.push({ seq, revision, key, entry: undefined, previous: undefined });
      continue;
    }
    if (valueBytes < 0) throw new CorruptData(`${file}: change ${seq} is a put without a value`);
    // A copy: a view would keep the whole page.
    const value = new Uint8Array(valueBytes);
    bytes.copy(value, 0, valueAt, at);
    const entry = { key, value, createRevision, modRevision: revision, version, lease };
    changes.push({ seq, revision, key, entry, previous: undefined });
  }
  if (at !== bytes.length) throw new CorruptData(`${file}: a page of changes has not the bytes it says`);
  return changes;
}

function wholeChange(seq: number, file: string, changeOf: (seq: number) => Change | undefined): Change {
  const change = changeOf(seq);
  if (change === undefined) throw new CorruptData(`${file}: change ${seq} vanished while it was read`);
  return change;
}
