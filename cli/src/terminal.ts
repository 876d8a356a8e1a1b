import { createInterface } from "node:readline/promises";
import { CommandFailure } from "./command-failure.js";
import { exitCode, signalExitCode } from "./exit-code.js";

/** Where a command's output goes and its input comes from: the process's streams, or a test's. */
export interface Terminal {
  /**
   * Writes to stdout.
   * @throws CommandFailure when stdout took no more, so that whatever goes on printing ends.
   */
  out(data: string | Uint8Array): void;
  /**
   * Waits until stdout has taken everything.
   * @throws CommandFailure when it did not.
   */
  flush(): Promise<void>;
  /** Aborted when stdout takes no more; its reason is the CommandFailure. */
  readonly closed: AbortSignal;
  /** Writes one line to stderr. */
  error(line: string): void;
  /** Reads stdin to its end. */
  readInput(): Promise<Uint8Array>;
  /** Asks a person for a yes or no; undefined when there is nobody to ask, since stdin is no terminal. */
  confirm(question: string): Promise<boolean | undefined>;
  /** Whether stdout is a terminal. */
  readonly interactive: boolean;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const closing = new AbortController();
  let failure: CommandFailure | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    failure ??= outputFailure(error);
    closing.abort(failure);
  });
  // There is nowhere left to say that stderr is gone, and the exit code still says how the command ended.
  process.stderr.on("error", () => {});
  return {
    out(data) {
      if (failure !== undefined) throw failure;
      process.stdout.write(data);
    },
    async flush() {
      // The callback comes after the error event of whatever was written before.
      await new Promise<void>((resolve) => process.stdout.write("", () => setImmediate(resolve)));
      if (failure !== undefined) throw failure;
    },
    closed: closing.signal,
    error: (line) => void process.stderr.write(`${line}\n`),
    readInput: async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of process.stdin) {
        chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      }
      return Buffer.concat(chunks);
    },
    confirm: async (question) => {
      if (process.stdin.isTTY !== true) return undefined;
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        // Ctrl-D closes it without an answer, which is no yes.
        const closed = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
        return /^\s*y(es)?\s*$/i.test(await Promise.race([reader.question(`${question} [y/N] `), closed]));
      } finally {
        reader.close();
      }
    },
    interactive: process.stdout.isTTY === true,
    env: process.env,
  };
}

/**
 * What an error of stdout means for the exit code. A reader that has seen enough (`quorate ls | head -1`) needs no line
 * on stderr, and the exit code is what every other command in such a pipe has: that of SIGPIPE.
 */
function outputFailure(error: NodeJS.ErrnoException): CommandFailure {
  if (error.code === "EPIPE") return new CommandFailure(signalExitCode("SIGPIPE"), "", { cause: error });
  return new CommandFailure(exitCode.output, `stdout cannot be written: ${error.message}`, { cause: error });
}
