import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { HardState, LogEntry, LogPosition } from "../../raft/index.js";
import type { LogRecord } from "./log-record.js";
import { type Scanned, type Segments, scanLog } from "./log-scan.js";
import { LogStore } from "./log-store.js";

/** Bytes of a segment in tests: a few groups. */
export const SMALL_SEGMENT_BYTES = 3_072;

/** A place for logs, which is removed with what is in it. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), "quorate-log-"));
  readonly #logs: LogStore[] = [];

  open(name = "log", segmentBytes = SMALL_SEGMENT_BYTES): LogStore {
    const log = new LogStore(join(this.path, name), { segmentBytes });
    this.#logs.push(log);
    return log;
  }

  /** Closes what is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) log.close();
    // Or a segment that is under way in the background comes back.
    await Promise.all(this.#logs.map(({ idle }) => idle));
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** An entry whose data tell it from all others. */
export function entry(index: number, term = 1, bytes = 8, kind: LogEntry["kind"] = "commands"): LogEntry {
  const data = Uint8Array.from({ length: bytes }, (_, at) => (index * 31 + term * 7 + at) % 251);
  return { index, term, kind, data };
}

/** The files of a log by number, as copies. */
export type Files = Map<number, Buffer>;

export function readFiles(folder: string): Files {
  const names = readdirSync(folder).filter((name) => name.endsWith(".log"));
  return new Map(names.sort().map((name) => [Number.parseInt(name, 10), readFileSync(join(folder, name))]));
}

export function segmentsOf(files: Files): Segments {
  return {
    numbers: [...files.keys()].sort((one, other) => one - other),
    name: (number) => `segment ${number}`,
    read: (number) => files.get(number) ?? Buffer.alloc(0),
  };
}

/** All that a log says, its data included. */
export interface Content {
  readonly hardState: HardState;
  readonly start: LogPosition;
  readonly owner: string;
  readonly announced: LogPosition | undefined;
  readonly entries: readonly string[];
}

/** What is found in the files of a log. */
export function contentOf(files: Files): Content & { readonly scanned: Scanned } {
  const data = new Map<number, LogEntry>();
  const told = (record: LogRecord): void => {
    if (record.kind === "entry") data.set(record.entry.index, record.entry);
  };
  const scanned = scanLog(segmentsOf(files), told);
  const { hardState, start, owner, announced, last } = scanned.image;
  const entries: string[] = [];
  for (let index = start.index + 1; index <= last; index += 1) {
    const found = data.get(index);
    entries.push(`${index} ${found?.term} ${found?.kind} ${found?.data.length} ${crc32(found?.data ?? "")}`);
  }
  return { hardState, start, owner, announced, entries, scanned };
}
