import type { HardState, LogEntry, LogPosition, LogStorage } from "./index.js";

/** A disk in memory: what was written survives a crash of the node above it. */
export class MemoryStorage implements LogStorage {
  hard: HardState = { term: 0, vote: 0 };
  position: LogPosition = { index: 0, term: 0 };
  log: LogEntry[] = [];

  hardState(): HardState {
    return this.hard;
  }

  start(): LogPosition {
    return this.position;
  }

  lastIndex(): number {
    return this.position.index + this.log.length;
  }

  configurations(): LogEntry[] {
    return this.log.filter(({ kind }) => kind === "configuration");
  }

  at(index: number): LogEntry {
    const entry = this.log[index - this.position.index - 1];
    if (entry === undefined) throw new Error(`no entry ${index}`);
    return entry;
  }

  term(index: number): number {
    return this.at(index).term;
  }

  entries(low: number, high: number, bytesMax: number): LogEntry[] {
    const result: LogEntry[] = [];
    let bytes = 0;
    for (let index = low; index <= high; index++) {
      const entry = this.at(index);
      bytes += entry.data.length;
      if (bytes > bytesMax && result.length > 0) break;
      result.push(entry);
    }
    return result;
  }

  write(hard: HardState | undefined, entries: readonly LogEntry[]): void {
    if (hard !== undefined) this.hard = hard;
    const first = entries[0];
    if (first === undefined) return;
    if (first.index > this.lastIndex() + 1) throw new Error(`entry ${first.index} leaves a gap`);
    this.log.length = first.index - this.position.index - 1;
    this.log.push(...entries);
  }

  cut(index: number): LogPosition {
    const position = { index, term: index === this.position.index ? this.position.term : this.term(index) };
    this.log = this.log.slice(index - this.position.index);
    this.position = position;
    return position;
  }

  reset(position: LogPosition): void {
    this.log = [];
    this.position = position;
  }
}
