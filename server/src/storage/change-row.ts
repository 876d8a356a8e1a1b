import type { Change } from "../state-machine/entry.js";
import { checksumOf } from "./checksum.js";
import { CorruptData } from "./errors.js";
import { keyFromBytes } from "./state-store-results.js";

/** A change as its row holds it. */
export interface ChangeRow {
  readonly seq: number;
  readonly revision: number;
  readonly key: Buffer;
  readonly put: number;
  readonly value: Buffer | null;
  readonly create_revision: number;
  readonly version: number;
  readonly lease: number;
  /** Of everything before it. */
  readonly checksum: number;
}

/**
 * The numbers of a change's row, in the order in which its checksum covers them; its key follows, and its value when it is
 * a put. The state hash covers the current versions only: the checksum finds damage in the older ones, and in deletes.
 */
export type ChangeNumbers = readonly [
  seq: number,
  revision: number,
  put: number,
  createRevision: number,
  version: number,
  lease: number,
  keyBytes: number,
];

/** What a change whose row is not what was written is reported as. */
export function damagedChange(seq: number, file: string): CorruptData {
  return new CorruptData(`${file}: change ${seq} does not match its checksum`);
}

/**
 * The change in a row, without `previous`.
 * @throws CorruptData when the row is not what was written.
 */
export function toChange(row: ChangeRow, file: string): Change {
  const { seq, revision, put, create_revision: createRevision, version, lease } = row;
  const numbers: ChangeNumbers = [seq, revision, put, createRevision, version, lease, row.key.length];
  const checksum =
    row.value === null ? checksumOf(numbers, row.key) : checksumOf(numbers, row.key, row.value);
  if (checksum !== row.checksum) throw damagedChange(seq, file);
  const key = keyFromBytes(row.key);
  if (put === 0) return { seq, revision, key, entry: undefined, previous: undefined };
  if (row.value === null) throw new CorruptData(`${file}: change ${seq} is a put without a value`);
  const value = new Uint8Array(row.value.buffer, row.value.byteOffset, row.value.byteLength);
  const entry = { key, value, createRevision, modRevision: revision, version, lease };
  return { seq, revision, key, entry, previous: undefined };
}
