import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually, FOLLOW_PARENT } from "../cluster/local-cluster.js";

const SERVER = fileURLToPath(import.meta.resolve("@quorate/server/main"));

/** How a server process ended. */
export interface ServerEnd {
  readonly code: number | null;
  readonly stderr: string;
}

/** One server process outside of a LocalCluster, for what a cluster would not start. */
export class ServerRun implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #stderr = "";

  constructor(flags: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, ["--import", FOLLOW_PARENT, SERVER, ...flags], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#exit = once(this.#child, "close");
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until its log says something. */
  async says(pattern: RegExp): Promise<void> {
    await eventually(() => pattern.test(this.#stderr), `the server to say ${pattern}`);
  }

  /** Waits until it has ended by itself. */
  async end(): Promise<ServerEnd> {
    await this.#exit;
    return { code: this.#child.exitCode, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

/** Runs a server that is expected to end by itself, and tells how it did. */
export async function runServer(flags: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ServerEnd> {
  await using server = new ServerRun(flags, env);
  return await server.end();
}

/** The flags with some values replaced, each by its name without dashes. */
export function withFlags(flags: readonly string[], changed: Readonly<Record<string, string>>): string[] {
  const kept = flags.filter((flag, i) => {
    const name = flag.startsWith("--") ? flag : flags[i - 1];
    return changed[(name ?? "").slice(2)] === undefined;
  });
  return [...kept, ...Object.entries(changed).flatMap(([name, value]) => [`--${name}`, value])];
}
