import { crc32 } from "node:zlib";
import type { LogEntry } from "../../raft/index.js";
import {
  extentOf,
  type GroupHeader,
  HEADER_BYTES,
  readHeader,
  SECTOR_BYTES,
  writeHeader,
} from "./group-header.js";
import { ENTRY_HEADER_BYTES, encodeRemark, type Remark, writeEntry } from "./log-record.js";
import { applyMask, isZeroSector, maskBody, maskFor } from "./mask.js";

/** Bytes of the buffer in which groups are put together, at first, and at most between two groups. */
const BUFFER_BYTES = 4_096;
const BUFFER_BYTES_MAX = 4_194_304;

/** A group that is put together: what one write makes durable, or a crash leaves out as a whole. */
export class GroupWriter {
  #buffer = Buffer.alloc(BUFFER_BYTES);
  #end = HEADER_BYTES;

  /** Begins a new one; the bytes of the last one are valid no longer. */
  begin(): void {
    if (this.#buffer.length > BUFFER_BYTES_MAX) this.#buffer = Buffer.alloc(BUFFER_BYTES);
    this.#end = HEADER_BYTES;
  }

  add(remark: Remark): void {
    const bytes = encodeRemark(remark);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Returns where the entry begins, from the beginning of the group. */
  addEntry(entry: LogEntry): number {
    const bytes = ENTRY_HEADER_BYTES + entry.data.length;
    this.#reserve(bytes);
    const at = this.#end;
    writeEntry(this.#buffer, at, entry);
    this.#end += bytes;
    return at;
  }

  /** Bytes that the group takes on the disk. */
  get extent(): number {
    return extentOf(this.#end - HEADER_BYTES);
  }

  /** The group as it is stored, valid until the next one is begun, and its mask. */
  finish(salt: string, sequence: number): { readonly bytes: Buffer; readonly mask: number } {
    const bytes = this.#buffer.subarray(0, this.extent).fill(0, this.#end);
    const mask = maskFor(bytes);
    maskBody(mask, bytes);
    const bodyChecksum = crc32(bytes.subarray(HEADER_BYTES));
    writeHeader(bytes, { salt, sequence, bodyBytes: this.#end - HEADER_BYTES, mask, bodyChecksum });
    return { bytes, mask };
  }

  #reserve(bytes: number): void {
    const needed = extentOf(this.#end - HEADER_BYTES + bytes);
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * needed);
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
  }
}

/** What stands where a group may begin. */
export type Found =
  | { readonly kind: "group"; readonly header: GroupHeader; readonly extent: number; readonly body: Buffer }
  /** A sound header whose body is not what it says. */
  | { readonly kind: "broken"; readonly header: GroupHeader; readonly unwritten: boolean }
  /** A sector that is all zero. */
  | { readonly kind: "blank" }
  /** No header, and not nothing either: with so many bytes that are not zero. */
  | { readonly kind: "noise"; readonly bytes: number };

/** Looks at a sector of a segment. `unwritten` is whether a sector of the group is as it was before it was written. */
export function lookAt(segment: Buffer, at: number): Found {
  const header = readHeader(segment, at);
  if (header === undefined) {
    if (isZeroSector(segment, at)) return { kind: "blank" };
    return {
      kind: "noise",
      bytes: segment.subarray(at, at + SECTOR_BYTES).filter((byte) => byte !== 0).length,
    };
  }
  const extent = extentOf(header.bodyBytes);
  const group = segment.subarray(at, at + extent);
  if (group.length === extent && crc32(group.subarray(HEADER_BYTES)) === header.bodyChecksum) {
    const end = HEADER_BYTES + header.bodyBytes;
    const body =
      header.mask === 0 ? group.subarray(HEADER_BYTES, end) : Buffer.from(group.subarray(HEADER_BYTES, end));
    applyMask(header.mask, body, HEADER_BYTES);
    return { kind: "group", header, extent, body };
  }
  let unwritten = false;
  for (let sector = SECTOR_BYTES; sector < group.length; sector += SECTOR_BYTES) {
    unwritten ||= isZeroSector(group, sector);
  }
  return { kind: "broken", header, unwritten };
}
