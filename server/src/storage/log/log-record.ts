import { crc32 } from "node:zlib";
import type { HardState, LogEntry, LogPosition } from "../../raft/index.js";
import { extended } from "../checksum.js";
import { CorruptData } from "../errors.js";

/** Everything that a log says beside its entries: a segment begins with it, so that those before it can be dropped. */
export interface Checkpoint {
  readonly hardState: HardState;
  readonly start: LogPosition;
  /** Index of the last entry that the log holds. */
  readonly last: number;
  readonly announced: LogPosition | undefined;
  /** Incarnation of the data directory that the log belongs to; "" while it belongs to none. */
  readonly owner: string;
}

/** One of the things that a group makes durable. */
export type LogRecord =
  | { readonly kind: "entry"; readonly entry: LogEntry; readonly at: number; readonly bytes: number }
  | { readonly kind: "hardState"; readonly hardState: HardState }
  /** The first of a segment. With `isReset` the log begins anew there; otherwise it repeats what those before it say. */
  | {
      readonly kind: "checkpoint";
      readonly checkpoint: Checkpoint;
      readonly isReset: boolean;
      readonly segmentBytes: number;
    }
  | { readonly kind: "cut"; readonly start: LogPosition }
  | { readonly kind: "owner"; readonly owner: string }
  | { readonly kind: "announced"; readonly position: LogPosition }
  /** The last of a segment: the log goes on in the next one, which exists durably and has so many bytes. */
  | { readonly kind: "end"; readonly nextBytes: number }
  /** The log was closed in peace: there is nothing under way behind it. */
  | { readonly kind: "closed" };

/** A record that is no entry, as it is written. */
export type Remark = Exclude<LogRecord, { readonly kind: "entry" }>;

/** As stored, the first byte of a record. Never given to another kind. */
const TYPES = { entry: 1, hardState: 2, checkpoint: 3, cut: 4, owner: 5, announced: 6, end: 7, closed: 8 };

/** As stored, the second byte of an entry. */
const ENTRY_KINDS = { noop: 1, commands: 2, configuration: 3 } as const;
const entryKinds: readonly (LogEntry["kind"] | undefined)[] = [
  undefined,
  "noop",
  "commands",
  "configuration",
];

/** Bytes of an entry before its data: type, kind, length, checksum, index and term. */
export const ENTRY_HEADER_BYTES = 26;

/** Writes an entry at `at`, where there is room for it. */
export function writeEntry(target: Buffer, at: number, entry: LogEntry): void {
  target[at] = TYPES.entry;
  target[at + 1] = ENTRY_KINDS[entry.kind];
  target.writeUInt32LE(entry.data.length, at + 2);
  target.writeDoubleLE(entry.index, at + 10);
  target.writeDoubleLE(entry.term, at + 18);
  target.set(entry.data, at + ENTRY_HEADER_BYTES);
  target.writeUInt32LE(entryChecksum(target.subarray(at, at + ENTRY_HEADER_BYTES), entry.data), at + 6);
}

/** Of everything in an entry but the checksum itself. */
function entryChecksum(header: Buffer, data: Uint8Array): number {
  const length = crc32(header.subarray(0, 6));
  return extended(crc32(header.subarray(10), length), data);
}

/**
 * The entry at `at`; its data share the memory of `bytes`.
 * @throws CorruptData when it does not match its checksum.
 */
export function readEntry(bytes: Buffer, at: number): LogEntry {
  const dataAt = at + ENTRY_HEADER_BYTES;
  if (bytes[at] !== TYPES.entry || dataAt > bytes.length) throw new CorruptData("is no log entry");
  const data = bytes.subarray(dataAt, dataAt + bytes.readUInt32LE(at + 2));
  if (entryChecksum(bytes.subarray(at, dataAt), data) !== bytes.readUInt32LE(at + 6)) {
    throw new CorruptData("does not match its checksum");
  }
  const kind = entryKinds[bytes[at + 1] ?? 0];
  if (kind === undefined) throw new CorruptData("is of an unknown kind");
  return { index: bytes.readDoubleLE(at + 10), term: bytes.readDoubleLE(at + 18), kind, data };
}

/** Everything but an entry, as bytes: its type, numbers of eight bytes, and at the end perhaps a text. */
export function encodeRemark(remark: Remark): Buffer {
  switch (remark.kind) {
    case "hardState":
      return encode(TYPES.hardState, [remark.hardState.term, remark.hardState.vote]);
    case "checkpoint": {
      const { hardState, start, last, announced, owner } = remark.checkpoint;
      const install = announced ?? { index: -1, term: 0 };
      const numbers = [hardState.term, hardState.vote, start.index, start.term, last];
      return encode(
        TYPES.checkpoint,
        [...numbers, install.index, install.term, Number(remark.isReset), remark.segmentBytes],
        owner,
      );
    }
    case "cut":
      return encode(TYPES.cut, [remark.start.index, remark.start.term]);
    case "owner":
      return encode(TYPES.owner, [], remark.owner);
    case "announced":
      return encode(TYPES.announced, [remark.position.index, remark.position.term]);
    case "end":
      return encode(TYPES.end, [remark.nextBytes]);
    case "closed":
      return encode(TYPES.closed, []);
  }
}

function encode(type: number, numbers: readonly number[], text = ""): Buffer {
  const bytes = Buffer.alloc(1 + 8 * numbers.length + 1 + text.length);
  bytes[0] = type;
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, 1 + 8 * at);
  bytes[1 + 8 * numbers.length] = text.length;
  bytes.write(text, 2 + 8 * numbers.length, "latin1");
  return bytes;
}

/**
 * The records of a group's body, which has been verified. `at` of an entry is where it begins in the body.
 * @throws CorruptData when it holds what this version does not know.
 */
export function* readRecords(body: Buffer): Generator<LogRecord> {
  for (let at = 0; at < body.length; ) {
    if (body[at] === TYPES.entry) {
      const entry = readEntry(body, at);
      const bytes = ENTRY_HEADER_BYTES + entry.data.length;
      yield { kind: "entry", entry, at, bytes };
      at += bytes;
    } else {
      const remark = decodeRemark(body, at);
      yield remark;
      at += encodeRemark(remark).length;
    }
  }
}

function decodeRemark(body: Buffer, at: number): Remark {
  const number = (place: number): number => body.readDoubleLE(at + 1 + 8 * place);
  const position = (place: number): LogPosition => ({ index: number(place), term: number(place + 1) });
  const text = (numbers: number): string => {
    const from = at + 2 + 8 * numbers;
    return body.toString("latin1", from, from + (body[from - 1] ?? 0));
  };
  switch (body[at]) {
    case TYPES.hardState:
      return { kind: "hardState", hardState: { term: number(0), vote: number(1) } };
    case TYPES.checkpoint: {
      const hardState = { term: number(0), vote: number(1) };
      const announced = number(5) === -1 ? undefined : position(5);
      const checkpoint = { hardState, start: position(2), last: number(4), announced, owner: text(9) };
      return { kind: "checkpoint", checkpoint, isReset: number(7) === 1, segmentBytes: number(8) };
    }
    case TYPES.cut:
      return { kind: "cut", start: position(0) };
    case TYPES.owner:
      return { kind: "owner", owner: text(0) };
    case TYPES.announced:
      return { kind: "announced", position: position(0) };
    case TYPES.end:
      return { kind: "end", nextBytes: number(0) };
    case TYPES.closed:
      return { kind: "closed" };
    default:
      throw new CorruptData(`holds a record of unknown type ${body[at]}`);
  }
}
