/** A history that cannot be read: the line, what was found and what was expected. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  /** The line in the file, from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}
