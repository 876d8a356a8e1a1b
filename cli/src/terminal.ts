/** Where a command's output goes and its input comes from: the process's streams, or a test's. */
export interface Terminal {
  /** Writes to stdout. */
  out(data: string | Uint8Array): void;
  /** Writes one line to stderr. */
  error(line: string): void;
  /** Reads stdin to its end. */
  readInput(): Promise<Uint8Array>;
  /** Whether stdout is a terminal. */
  readonly interactive: boolean;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  // A reader that has seen enough (`quorate ls | head -1`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    out: (data) => void process.stdout.write(data),
    error: (line) => void process.stderr.write(`${line}\n`),
    readInput: async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of process.stdin) {
        chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      }
      return Buffer.concat(chunks);
    },
    interactive: process.stdout.isTTY === true,
    env: process.env,
  };
}
