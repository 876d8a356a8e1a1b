import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { eventually } from "../cluster/local-cluster.js";

/** The repository, from test/cli as well as from where it is compiled to. */
export const root = fileURLToPath(
  new URL(/\/dist\//.test(import.meta.url) ? "../../../" : "../../", import.meta.url),
);

/** The `quorate` binary, as npm links it. */
export const CLI = join(root, "cli/dist/main.js");

/** How a command ended. */
export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface CliOptions {
  readonly endpoints?: readonly string[];
  /** What it reads on stdin; nothing by default. */
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
}

/** One running `quorate` command. Disposing of it kills it. */
export class CliProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<void>;
  #stdout = "";
  #stderr = "";

  constructor(args: readonly string[], options: CliOptions = {}) {
    const { endpoints, input, env } = options;
    this.#child = spawn(process.execPath, [CLI, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...process.env,
        ...(endpoints === undefined ? {} : { QUORATE_ENDPOINTS: endpoints.join(",") }),
        ...env,
      },
    });
    // A command that does not read its stdin may be gone before it is written.
    this.#child.stdin.on("error", () => undefined);
    this.#child.stdin.end(input ?? "");
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString("utf8");
    });
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString("utf8");
    });
    this.#closed = new Promise((resolve) => this.#child.once("close", () => resolve()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until stdout has this. */
  async prints(pattern: RegExp): Promise<void> {
    await eventually(() => pattern.test(this.#stdout), `stdout to have ${pattern}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<CliEnd> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

/** Runs one `quorate` command to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  await using running = new CliProcess(args, options);
  return await running.end();
}

/** Whether a process of that id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
