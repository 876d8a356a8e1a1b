import type { ExitCode } from "./exit-code.js";

/** Ends the command with a message for people and an exit code. Never carries a stack trace to the user. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  /** What the process exits with. */
  readonly exitCode: ExitCode;

  /** `message` is one line without a final period, and says what to do. */
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
