import type { HardState, LogEntry, LogPosition } from "../../../server/src/raft/index.js";
import { lookAt } from "../../../server/src/storage/log/group.js";
import { readRecords } from "../../../server/src/storage/log/log-record.js";

/** What is told of a log as it becomes durable. */
export interface LogObserver {
  onLogWrite?: ((hardState: HardState | undefined, entries: readonly LogEntry[]) => void) | undefined;
  onLogReset?: ((position: LogPosition) => void) | undefined;
  onLogCut?: ((start: LogPosition) => void) | undefined;
}

/** Reads along what becomes durable in the files of a log: each group is told once, however often it is written. */
export class LogTap {
  readonly #observer: LogObserver;
  #salt = "";
  #sequence = 0;

  constructor(observer: LogObserver) {
    this.#observer = observer;
  }

  /** Bytes became durable that one write put into a file of the log. */
  durable(written: Uint8Array): void {
    const bytes = Buffer.from(written.buffer, written.byteOffset, written.length);
    const found = bytes.length === 0 ? undefined : lookAt(bytes, 0);
    if (found?.kind !== "group") return;
    const { salt, sequence } = found.header;
    if (salt === this.#salt && sequence <= this.#sequence) return;
    this.#salt = salt;
    this.#sequence = sequence;
    this.#tell(found.body);
  }

  #tell(body: Buffer): void {
    let hardState: HardState | undefined;
    const entries: LogEntry[] = [];
    for (const record of readRecords(body)) {
      if (record.kind === "hardState") hardState = record.hardState;
      // Copies: what a fault makes of the bytes of the file is not what was written.
      if (record.kind === "entry") entries.push({ ...record.entry, data: new Uint8Array(record.entry.data) });
      if (record.kind === "cut") this.#observer.onLogCut?.(record.start);
      if (record.kind === "checkpoint" && record.isReset)
        this.#observer.onLogReset?.(record.checkpoint.start);
    }
    if (hardState !== undefined || entries.length > 0) this.#observer.onLogWrite?.(hardState, entries);
  }
}
