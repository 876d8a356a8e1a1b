import { randomBytes } from "node:crypto";
import type { HardState, LogEntry, LogPosition } from "../../raft/index.js";
import { syncDirectory } from "../durable-file.js";
import { GroupWriter } from "./group.js";
import { SALT_BYTES, SECTOR_BYTES } from "./group-header.js";
import { LogImage } from "./log-image.js";
import { type Checkpoint, ENTRY_HEADER_BYTES, type Remark } from "./log-record.js";
import { type StoredGroup, scanLog } from "./log-scan.js";
import { SegmentFile, type SegmentFolder } from "./segment-file.js";
import { SegmentSupply, unique } from "./segment-supply.js";

/** Bytes at the end of each segment for the group that says where the log goes on. */
const END_BYTES = SECTOR_BYTES;
/** Bytes of the group that a segment begins with. */
const CHECKPOINT_BYTES = SECTOR_BYTES;

/** Where a log ends. */
interface End {
  readonly image: LogImage;
  readonly salt: string;
  readonly sequence: number;
  readonly first: number;
  readonly file: SegmentFile;
  readonly bytes: number;
  readonly offset: number;
}

/**
 * Writes groups behind each other, and goes on in the next segment when one is full.
 *
 * Invariant: a group is written only when the one before it is durable, so a later group proves all before it.
 */
export class SegmentWriter {
  readonly image: LogImage;
  readonly #folder: SegmentFolder;
  readonly #supply: SegmentSupply;
  readonly #group = new GroupWriter();
  /** For groups that come between when another one is put together. */
  readonly #small = new GroupWriter();
  readonly #salt: string;
  #sequence: number;
  #file: SegmentFile;
  /** Bytes of the present segment, and where its next group goes. */
  #bytes: number;
  #offset: number;
  /** Number of the oldest segment. */
  #first: number;

  /**
   * Opens the log in a folder, or begins one there. What an earlier process left behind is durable afterwards.
   * @throws CorruptData when it is not what was written.
   */
  static open(folder: SegmentFolder, segmentBytes: number): SegmentWriter {
    folder.removeTemporaries();
    const isNew = folder.numbers.length === 0;
    if (isNew) begin(folder, segmentBytes);
    const writer = new SegmentWriter(folder, segmentBytes, findEnd(folder));
    writer.#tidy();
    return writer;
  }

  private constructor(folder: SegmentFolder, segmentBytes: number, end: End) {
    this.#folder = folder;
    this.#supply = new SegmentSupply(folder, segmentBytes);
    this.image = end.image;
    this.#salt = end.salt;
    this.#sequence = end.sequence;
    this.#file = end.file;
    this.#bytes = end.bytes;
    this.#offset = end.offset;
    this.#first = end.first;
  }

  /** Puts in order what a crash may leave: an empty segment that the log goes on in, and others that it does not need. */
  #tidy(): void {
    for (const number of this.#folder.numbers) {
      if (number < this.#first || number > this.#file.number) this.#folder.remove(number);
    }
    if (this.#offset === 0) this.#begin(this.image.checkpoint, false);
    this.drop();
  }

  /** Makes hard state and entries durable together. */
  write(hardState: HardState | undefined, entries: readonly LogEntry[]): void {
    const group = this.#group;
    group.begin();
    if (hardState !== undefined) group.add({ kind: "hardState", hardState });
    const places = entries.map((entry) => group.addEntry(entry));
    this.#makeRoom(group.extent);
    const segment = this.#file.number;
    const begin = this.#offset;
    const mask = this.#put(group);
    if (hardState !== undefined) this.image.hardState = hardState;
    for (const [at, entry] of entries.entries()) {
      const bytes = ENTRY_HEADER_BYTES + entry.data.length;
      this.image.entries.put(entry, { segment, offset: begin + (places[at] ?? 0), bytes, mask });
    }
  }

  /** @throws RangeError unless the entries follow each other, and one that the log holds. */
  checkOrder(entries: readonly LogEntry[]): void {
    const { start, last } = this.image;
    let before = entries[0] === undefined ? last : entries[0].index - 1;
    if (before < start.index || before > last) {
      throw new RangeError(`entry ${before + 1} does not belong into a log from ${start.index} to ${last}`);
    }
    for (const { index } of entries) {
      if (index !== before + 1) throw new RangeError(`entry ${index} does not follow ${before}`);
      before = index;
    }
  }

  /** Makes anything else durable. */
  remark(remark: Remark): void {
    this.#group.begin();
    this.#group.add(remark);
    this.#makeRoom(this.#group.extent);
    this.#put(this.#group);
    this.#follow(remark);
  }

  /** Begins anew behind a position, in a segment of its own: those before it hold nothing any more. */
  reset(start: LogPosition): void {
    const { hardState, owner } = this.image;
    const checkpoint = { hardState, owner, start, last: start.index, announced: undefined };
    this.#goOn(0, checkpoint, true);
  }

  #follow(remark: Remark): void {
    this.image.follow(remark, () => {
      throw new Error("a remark is no entry");
    });
  }

  #makeRoom(extent: number): void {
    if (this.#offset + extent + END_BYTES > this.#bytes) this.#goOn(extent, this.image.checkpoint, false);
    else if (this.#offset > this.#bytes / 2) this.#supply.prepare(this.#file.number + 1);
  }

  /** Ends this segment, and begins the next one, with room for a group of that extent. */
  #goOn(extent: number, checkpoint: Checkpoint, isReset: boolean): void {
    const number = this.#file.number + 1;
    const nextBytes = this.#supply.take(number, CHECKPOINT_BYTES + extent + END_BYTES);
    this.#putSmall({ kind: "end", nextBytes });
    this.#file.close();
    this.#file = new SegmentFile(this.#folder, number, "r+");
    this.#bytes = nextBytes;
    this.#offset = 0;
    this.#begin(checkpoint, isReset);
  }

  #begin(checkpoint: Checkpoint, isReset: boolean): void {
    const remark = { kind: "checkpoint", checkpoint, isReset, segmentBytes: this.#bytes } as const;
    this.#putSmall(remark);
    this.#follow(remark);
  }

  #putSmall(remark: Remark): void {
    this.#small.begin();
    this.#small.add(remark);
    this.#put(this.#small);
  }

  /** Returns the mask of the group. */
  #put(group: GroupWriter): number {
    const { bytes, mask } = group.finish(this.#salt, this.#sequence + 1);
    this.#file.write(bytes, this.#offset);
    this.#sequence += 1;
    this.#offset += bytes.length;
    return mask;
  }

  /** The oldest segment that holds something of what the log says; everything but entries is in the newest one. */
  get needed(): number {
    const { start, entries } = this.image;
    return entries.last > start.index ? entries.segment(start.index + 1) : this.#file.number;
  }

  /** Removes the segments that are not needed. */
  drop(): void {
    for (const { needed } = this; this.#first < needed; this.#first += 1) this.#folder.remove(this.#first);
  }

  /** Resolves when nothing is under way in the background. */
  get idle(): Promise<void> {
    return this.#supply.idle;
  }

  close(): void {
    this.#supply.stop();
    this.#file.close();
  }
}

/** Makes the first segment of a new log. */
function begin(folder: SegmentFolder, segmentBytes: number): void {
  const group = new GroupWriter();
  group.begin();
  group.add({ kind: "checkpoint", checkpoint: new LogImage().checkpoint, isReset: false, segmentBytes });
  folder.make(1, segmentBytes, unique(), group.finish(newSalt(), 1).bytes);
}

function newSalt(): string {
  const salt = randomBytes(SALT_BYTES);
  // Without zeros, so that a header can be told from a few bits that turned.
  for (let at = 0; at < salt.length; at += 1) salt[at] ||= 0xff;
  return salt.toString("hex");
}

function findEnd(folder: SegmentFolder): End {
  const { image, salt, sequence, first, segment, segmentBytes, offset, dirtyTo, lastGroup } = scanLog(
    folder.segments,
  );
  const file = new SegmentFile(folder, segment, "r+");
  try {
    // Before anything of it is acted upon. Written once more, since a sync that failed may have left it in memory only.
    writeAgain(folder, file, lastGroup);
    // Or it would be taken for the remains of the next write.
    if (dirtyTo > offset) file.zero(offset, dirtyTo);
    syncDirectory(folder.path);
  } catch (error) {
    file.close();
    throw error;
  }
  return { image, salt, sequence, first, file, bytes: segmentBytes, offset };
}

function writeAgain(
  folder: SegmentFolder,
  newest: SegmentFile,
  { segment, offset, bytes }: StoredGroup,
): void {
  if (segment === newest.number) return newest.write(bytes, offset);
  const file = new SegmentFile(folder, segment, "r+");
  try {
    file.write(bytes, offset);
  } finally {
    file.close();
  }
}
