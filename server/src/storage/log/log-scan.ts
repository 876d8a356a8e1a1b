import { CorruptData } from "../errors.js";
import { type Found, lookAt } from "./group.js";
import { HEADER_BYTES, MARKED_BYTES, readHeader, SECTOR_BYTES } from "./group-header.js";
import { LogImage } from "./log-image.js";
import { type LogRecord, readRecords } from "./log-record.js";
import { isZeroSector } from "./mask.js";

/** The files of a log, by number. */
export interface Segments {
  /** In rising order. */
  readonly numbers: readonly number[];
  /** The name to speak of it by. */
  name(number: number): string;
  read(number: number): Buffer;
}

/** A group as it is stored. */
export interface StoredGroup {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** What was found in the files of a log. */
export interface Scanned {
  readonly image: LogImage;
  readonly salt: string;
  /** Of the last group. */
  readonly sequence: number;
  /** Perhaps never synced: the process that wrote it may have died before. */
  readonly lastGroup: StoredGroup;
  /** Where the next group goes. */
  readonly segment: number;
  readonly segmentBytes: number;
  readonly offset: number;
  /** Number of the first segment that belongs to the log; those before it were dropped. */
  readonly first: number;
  /** Up to where there are remains of a write that was never synced, or other bytes that nobody wrote; `offset` at least. */
  readonly dirtyTo: number;
}

/** Told of every record, in order. */
export type RecordTold = (record: LogRecord, sequence: number) => void;

/**
 * Reads a log from its first segment on. A group is written only after the one before it was synced, so only the last can
 * be torn: some of its sectors are then as they were before it, all zero. Whatever else does not verify is damage.
 * @throws CorruptData for damage, with the file and the place in it.
 */
export function scanLog(segments: Segments, told: RecordTold = () => undefined): Scanned {
  return new LogScan(segments, told).run();
}

class LogScan {
  readonly #segments: Segments;
  readonly #told: RecordTold;
  readonly #image = new LogImage();
  readonly #first: number;
  #salt: string | undefined;
  #sequence = 0;
  #number: number;
  #bytes: Buffer;
  #at = 0;
  #lastGroup: StoredGroup | undefined;

  constructor(segments: Segments, told: RecordTold) {
    this.#segments = segments;
    this.#told = told;
    this.#first = firstOf(segments.numbers);
    this.#number = this.#first;
    this.#bytes = segments.read(this.#first);
  }

  run(): Scanned {
    let found = this.#look();
    while (found.kind === "group" && this.#isNext(found)) {
      this.#take(found);
      found = this.#look();
    }
    this.#judge(found);
    this.#image.check();
    const { name } = this.#segments;
    if (this.#lastGroup === undefined || this.#salt === undefined)
      throw new CorruptData(`${name(this.#first)} is empty`);
    return {
      image: this.#image,
      salt: this.#salt,
      sequence: this.#sequence,
      lastGroup: this.#lastGroup,
      segment: this.#number,
      segmentBytes: this.#bytes.length,
      offset: this.#at,
      first: this.#first,
      dirtyTo: dirtyTo(this.#bytes, this.#at),
    };
  }

  #look(): Found {
    if (this.#at + SECTOR_BYTES > this.#bytes.length) throw this.#damage(this.#at, "ends there");
    return lookAt(this.#bytes, this.#at);
  }

  #isNext({ header }: Extract<Found, { kind: "group" }>): boolean {
    return this.#salt === undefined || (header.salt === this.#salt && header.sequence === this.#sequence + 1);
  }

  #take({ header, extent, body }: Extract<Found, { kind: "group" }>): void {
    const isFirst = this.#salt === undefined;
    const offset = this.#at;
    const segment = this.#number;
    this.#salt = header.salt;
    this.#sequence = header.sequence;
    this.#lastGroup = { segment, offset, bytes: this.#bytes.subarray(offset, offset + extent) };
    this.#at += extent;
    let begins = false;
    for (const record of this.#recordsOf(body, offset)) {
      this.#image.follow(record, (at, bytes) => ({
        ...{ segment, bytes, mask: header.mask },
        offset: offset + HEADER_BYTES + at,
      }));
      this.#told(record, header.sequence);
      if (record.kind === "checkpoint") begins = this.#checkLength(record.segmentBytes);
      if (record.kind === "end") this.#enter(segment + 1, record.nextBytes);
    }
    if (isFirst && !begins) throw this.#damage(offset, "begins with a group that no segment begins with");
  }

  *#recordsOf(body: Buffer, offset: number): Generator<LogRecord> {
    try {
      yield* readRecords(body);
    } catch (cause) {
      throw this.#damage(offset, cause instanceof Error ? cause.message : String(cause));
    }
  }

  #checkLength(bytes: number): true {
    if (this.#bytes.length === bytes) return true;
    throw new CorruptData(
      `${this.#segments.name(this.#number)} has ${this.#bytes.length} bytes, not ${bytes}: a part of it is missing`,
    );
  }

  /** Goes on in the next segment, which was there durably before the group that says so was written. */
  #enter(number: number, bytes: number): void {
    if (!this.#segments.numbers.includes(number)) {
      throw new CorruptData(`${this.#segments.name(number)} is missing: the log goes on there`);
    }
    this.#number = number;
    this.#at = 0;
    this.#bytes = this.#segments.read(number);
    this.#checkLength(bytes);
  }

  /** Decides whether what stands in place of the next group is the end of the log, or damage. */
  #judge(found: Found): void {
    const at = this.#at;
    if (this.#salt === undefined) throw this.#damage(at, "does not begin with a sound group");
    if (found.kind === "group") throw this.#damage(at, "holds a group that does not belong there");
    const later = this.#findLater();
    if (later !== undefined) {
      throw this.#damage(at, `holds a damaged group: ${later} holds a later one`);
    }
    if (found.kind === "broken" && !found.unwritten) {
      throw this.#damage(at, "holds a damaged group, though all of it was written");
    }
    // Fewer are no header, however damaged, but some bits that turned where nothing was written.
    if (found.kind === "noise" && found.bytes >= MARKED_BYTES / 2) {
      throw this.#damage(at, "holds a group with a damaged header");
    }
  }

  /** Where a header of a later group stands: all before it was synced. */
  #findLater(): string | undefined {
    const { numbers, name, read } = this.#segments;
    for (const number of numbers.filter((each) => each >= this.#number)) {
      const bytes = number === this.#number ? this.#bytes : read(number);
      const from = number === this.#number ? this.#at + SECTOR_BYTES : 0;
      for (let at = from; at + SECTOR_BYTES <= bytes.length; at += SECTOR_BYTES) {
        const header = bytes[at] === 0 ? undefined : readHeader(bytes, at);
        if (header?.salt === this.#salt && header !== undefined && header.sequence > this.#sequence) {
          return `${name(number)} at offset ${at}`;
        }
      }
    }
    return undefined;
  }

  #damage(at: number, what: string): CorruptData {
    return new CorruptData(`${this.#segments.name(this.#number)} at offset ${at} ${what}`);
  }
}

/** The first of those that follow each other up to the last one: what is before a gap was dropped, and came back. */
function firstOf(numbers: readonly number[]): number {
  let first = numbers[numbers.length - 1] ?? 0;
  while (numbers.includes(first - 1)) first -= 1;
  return first;
}

/** How far bytes that are not zero go, from `at` on, in whole sectors. */
function dirtyTo(bytes: Buffer, at: number): number {
  let end = bytes.length;
  while (end > at && isZeroSector(bytes, end - SECTOR_BYTES)) end -= SECTOR_BYTES;
  return end;
}
