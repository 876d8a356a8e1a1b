import { crc32 } from "node:zlib";

/**
 * The CRC-32 of numbers and of bytes after them, as it is stored beside what it is of: whatever changed on the disk
 * since is found when it is read, and not served. The numbers are exact up to 2^53.
 */
export function checksumOf(numbers: readonly number[], ...parts: readonly Uint8Array[]): number {
  const header = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, at) => {
    header.writeDoubleLE(number, 8 * at);
  });
  return parts.reduce((checksum, part) => extended(checksum, part), crc32(header));
}

/** The checksum of what `checksum` is of, and of `bytes` after it. */
export function extended(checksum: number, bytes: Uint8Array): number {
  // Not crc32 of nothing: it forgets the value it was given when an empty buffer has no memory behind it, as one read
  // from SQLite has none.
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}
