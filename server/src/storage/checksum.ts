import { crc32 } from "node:zlib";

/** Bytes that are put together before they are summed: most of what the sum of a small row costs is the call for it. */
const ROW_BYTES_MAX = 8_192;

const row = new Uint8Array(ROW_BYTES_MAX);
const rowNumbers = new DataView(row.buffer);
/** The first bytes of `row`, by how many, once there was a row of so many. */
const rowsByLength: (Uint8Array | undefined)[] = [];

/**
 * The CRC-32 of numbers and of bytes after them, as it is stored beside what it is of: whatever changed on the disk
 * since is found when it is read, and not served. The numbers are exact up to 2^53.
 */
export function checksumOf(numbers: readonly number[], ...parts: readonly Uint8Array[]): number {
  let length = 0;
  for (; length < 8 * numbers.length; length += 8) {
    rowNumbers.setFloat64(length, numbers[length / 8] ?? 0, true);
  }
  let at = 0;
  for (let part = parts[0]; part !== undefined && length + part.length <= ROW_BYTES_MAX; part = parts[++at]) {
    row.set(part, length);
    length += part.length;
  }
  let checksum = crc32(rowOf(length));
  for (; at < parts.length; at++) checksum = extended(checksum, parts[at] ?? NOTHING);
  return checksum;
}

const NOTHING = new Uint8Array(0);

function rowOf(length: number): Uint8Array {
  const known = rowsByLength[length];
  if (known !== undefined) return known;
  const made = row.subarray(0, length);
  rowsByLength[length] = made;
  return made;
}

/** The checksum of what `checksum` is of, and of `bytes` after it. */
export function extended(checksum: number, bytes: Uint8Array): number {
  // Not crc32 of nothing: it forgets the value it was given when an empty buffer has no memory behind it, as one read
  // from SQLite has none.
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}
