import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import type { HistoryEvent } from "./event.js";

/** Writes a history file. The order of `append` calls is the order of events; times are nanoseconds since it began. */
export class HistoryWriter {
  readonly #stream: WriteStream;
  readonly #startedAt = process.hrtime.bigint();
  readonly #lines: string[] = [];

  constructor(path: string) {
    this.#stream = createWriteStream(path);
  }

  /** Adds an event that happens now. */
  append(event: Omit<HistoryEvent, "time">): void {
    const line = JSON.stringify({ ...event, time: Number(process.hrtime.bigint() - this.#startedAt) });
    this.#lines.push(line);
    this.#stream.write(`${line}\n`);
  }

  /** Everything written so far, as the file's text. */
  text(): string {
    return this.#lines.join("\n");
  }

  /** Flushes and closes the file. */
  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, "close");
  }
}
