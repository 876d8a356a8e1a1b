import { crc32 } from "node:zlib";

/** What a disk writes whole or not at all, in bytes. Groups begin at multiples of it. */
export const SECTOR_BYTES = 512;

/** Bytes of the random number that tells the groups of one log from those of all others. */
export const SALT_BYTES = 8;

/** Names the format; the last character is its version. No byte is zero. */
const MAGIC = Buffer.from("quorlog1", "latin1");

const SALT_AT = MAGIC.length;
const SEQUENCE_AT = SALT_AT + SALT_BYTES;
const BODY_BYTES_AT = SEQUENCE_AT + 8;
const MASK_AT = BODY_BYTES_AT + 4;
const BODY_CHECKSUM_AT = MASK_AT + 4;
const CHECKSUM_AT = BODY_CHECKSUM_AT + 4;

/** Bytes before the body of a group, all in its first sector: a torn write leaves either all of them or none. */
export const HEADER_BYTES = CHECKSUM_AT + 4;

/** Bytes that are zero in no header. A sector with fewer than half as many that are not zero was never one. */
export const MARKED_BYTES = MAGIC.length + SALT_BYTES;

/** What a group says before its body. */
export interface GroupHeader {
  /** Of the log, in hexadecimal digits. */
  readonly salt: string;
  /** Rises by one with every group. */
  readonly sequence: number;
  /** Of the records; zeros up to the next whole sector follow them. */
  readonly bodyBytes: number;
  /** Added, four bytes at a time, to everything after the header, so that no sector is all zero; 0 when none is anyway. */
  readonly mask: number;
  /** CRC-32 of everything after the header up to the end of the last sector, as it is stored. */
  readonly bodyChecksum: number;
}

/** Bytes that a group with so many bytes of records takes, whole sectors. */
export function extentOf(bodyBytes: number): number {
  return Math.ceil((HEADER_BYTES + bodyBytes) / SECTOR_BYTES) * SECTOR_BYTES;
}

/** Writes a header to the first bytes of `group`. */
export function writeHeader(group: Buffer, header: GroupHeader): void {
  MAGIC.copy(group, 0);
  group.write(header.salt, SALT_AT, "hex");
  group.writeDoubleLE(header.sequence, SEQUENCE_AT);
  group.writeUInt32LE(header.bodyBytes, BODY_BYTES_AT);
  group.writeUInt32LE(header.mask, MASK_AT);
  group.writeUInt32LE(header.bodyChecksum, BODY_CHECKSUM_AT);
  group.writeUInt32LE(crc32(group.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
}

/** The header at `at`; undefined when there is none, or a damaged one. */
export function readHeader(bytes: Buffer, at: number): GroupHeader | undefined {
  if (at + SECTOR_BYTES > bytes.length || MAGIC.compare(bytes, at, at + MAGIC.length) !== 0) return undefined;
  const checksum = bytes.readUInt32LE(at + CHECKSUM_AT);
  if (crc32(bytes.subarray(at, at + CHECKSUM_AT)) !== checksum) return undefined;
  return {
    salt: bytes.toString("hex", at + SALT_AT, at + SEQUENCE_AT),
    sequence: bytes.readDoubleLE(at + SEQUENCE_AT),
    bodyBytes: bytes.readUInt32LE(at + BODY_BYTES_AT),
    mask: bytes.readUInt32LE(at + MASK_AT),
    bodyChecksum: bytes.readUInt32LE(at + BODY_CHECKSUM_AT),
  };
}
