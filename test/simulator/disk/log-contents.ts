import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import { type Scanned, scanLog } from "../../../server/src/storage/log/log-scan.js";

/** The log as it is on a disk. */
export interface LogContents {
  readonly hardState: HardState;
  readonly start: LogPosition;
  readonly entries: readonly LogEntry[];
  readonly scanned: Scanned;
}

/** The files of a log, by number. */
export type LogFiles = ReadonlyMap<number, Uint8Array>;

/** @throws CorruptData when they are damaged. */
export function readLog(files: LogFiles): LogContents {
  const found = new Map<number, LogEntry>();
  const scanned = scanLog(
    {
      numbers: [...files.keys()].sort((one, other) => one - other),
      name: (number) => `segment ${number}`,
      read: (number) => Buffer.from(files.get(number) ?? []),
    },
    (record) => {
      if (record.kind === "entry") found.set(record.entry.index, record.entry);
    },
  );
  const { hardState, start, last } = scanned.image;
  const entries: LogEntry[] = [];
  for (let index = start.index + 1; index <= last; index += 1) {
    const entry = found.get(index);
    if (entry !== undefined) entries.push(entry);
  }
  return { hardState, start, entries, scanned };
}
