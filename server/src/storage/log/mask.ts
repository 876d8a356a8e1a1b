import { HEADER_BYTES, SECTOR_BYTES } from "./group-header.js";

// A sector that is all zero says that a write did not reach it. So none may be so by what is written: values of zeros
// are usual. Where one would be, a word is added (exclusive or) to all that follows the group's header.

const ZEROS = Buffer.alloc(SECTOR_BYTES);

/** Whether the sector at `at` is all zero. */
export function isZeroSector(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0 && bytes.compare(ZEROS, 0, SECTOR_BYTES, at, at + SECTOR_BYTES) === 0;
}

/** The word to mask a group with: 0 when no sector after its first is all zero, and otherwise one that leaves none so. */
export function maskFor(group: Buffer): number {
  let at = SECTOR_BYTES;
  while (at < group.length && !isZeroSector(group, at)) at += SECTOR_BYTES;
  if (at >= group.length) return 0;
  const repeated = new Set<number>();
  for (at = SECTOR_BYTES; at < group.length; at += SECTOR_BYTES) {
    const word = group.readUInt32LE(at);
    if (repeatsOneWord(group, at)) repeated.add(word);
  }
  // There are fewer sectors than words, so one is free.
  let mask = 1;
  while (repeated.has(mask)) mask += 1;
  return mask;
}

/** Whether a sector consists of its first four bytes again and again: only such a one can become all zero. */
function repeatsOneWord(bytes: Buffer, at: number): boolean {
  return bytes.compare(bytes, at, at + SECTOR_BYTES - 4, at + 4, at + SECTOR_BYTES) === 0;
}

/**
 * Adds the mask to `bytes`, or takes it away again. They stood at `offset` from the beginning of a file, hence of a
 * sector.
 */
export function applyMask(mask: number, bytes: Uint8Array, offset: number): void {
  if (mask === 0) return;
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = (bytes[at] ?? 0) ^ ((mask >>> (8 * ((offset + at) & 3))) & 0xff);
  }
}

/** Masks all that follows the header of a group. */
export function maskBody(mask: number, group: Buffer): void {
  applyMask(mask, group.subarray(HEADER_BYTES), HEADER_BYTES);
}
