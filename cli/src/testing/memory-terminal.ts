import type { Terminal } from "../terminal.js";

/** A terminal that remembers what was written. */
export interface MemoryTerminal extends Terminal {
  /** All of stdout so far. */
  stdout(): string;
  /** All of stderr so far. */
  stderr(): string;
}

/** A terminal for tests: no screen, nobody to ask, `input` on stdin, and `env` as its whole environment. */
export function memoryTerminal(env: Terminal["env"] = {}, input = ""): MemoryTerminal {
  const written: Uint8Array[] = [];
  const errors: string[] = [];
  return {
    out: (data) => void written.push(Buffer.from(data)),
    flush: async () => undefined,
    closed: new AbortController().signal,
    error: (line) => void errors.push(`${line}\n`),
    readInput: async () => Buffer.from(input),
    confirm: async () => undefined,
    interactive: false,
    env,
    stdout: () => Buffer.concat(written).toString("utf8"),
    stderr: () => errors.join(""),
  };
}
