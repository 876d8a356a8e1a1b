import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a server may take to stop when asked, in milliseconds, before it is killed. */
const STOP_TIMEOUT_MS = 5_000;

const running = new Set<ChildProcess>();

// Whatever ends this process, no server outlives it. SIGKILL reaches a stopped process too.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** How to start a server. */
export interface ServerProcessOptions {
  /** The node's name. */
  readonly name: string;
  /** Path of the server's main module. */
  readonly mainPath: string;
  /** Command line flags. */
  readonly flags: readonly string[];
  /** Variables added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** File that collects what the server prints, over all its lives. */
  readonly logPath: string;
}

/** A real server process that can be killed, paused and started again. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;
  #paused = false;
  readonly #crashes: string[] = [];

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  /** The node's name. */
  get name(): string {
    return this.#options.name;
  }

  /** Whether a process exists, paused or not. */
  get alive(): boolean {
    return this.#child !== undefined;
  }

  /** Whether the process exists and is not paused. */
  get active(): boolean {
    return this.alive && !this.#paused;
  }

  /** Exits that nobody asked for, such as "exited with code 1". */
  get crashes(): readonly string[] {
    return this.#crashes;
  }

  /** Starts the process unless there is one. */
  start(): void {
    if (this.#child !== undefined) return;
    const { name, mainPath, flags, env, logPath } = this.#options;
    const log = openSync(logPath, "a");
    const child = spawn(process.execPath, [mainPath, ...flags], {
      stdio: ["ignore", log, log],
      env: { ...inheritedEnvironment(), ...env },
    });
    closeSync(log);
    running.add(child);
    this.#child = child;
    this.#paused = false;
    child.on("error", (error) => this.#crashes.push(`${name}: ${error.message}`));
    child.on("exit", (code, signal) => {
      running.delete(child);
      if (this.#child !== child) return;
      // Nobody stopped this life: `kill` and `stop` let go of the child first.
      this.#child = undefined;
      this.#crashes.push(`${name} exited by itself with ${signal === null ? `code ${code}` : signal}`);
    });
  }

  /** Ends the process at once, as a crash would, and resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#letGo();
    if (child === undefined) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Stops the process in its tracks, without it noticing. */
  pause(): void {
    if (this.#child === undefined) return;
    this.#child.kill("SIGSTOP");
    this.#paused = true;
  }

  /** Lets a paused process go on. */
  resume(): void {
    if (this.#child === undefined) return;
    this.#child.kill("SIGCONT");
    this.#paused = false;
  }

  /** Asks the process to stop, and kills it if it does not within {@link STOP_TIMEOUT_MS}. */
  async stop(): Promise<void> {
    this.resume();
    const child = this.#letGo();
    if (child === undefined) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timeout = new AbortController();
    const late = sleep(STOP_TIMEOUT_MS, undefined, { signal: timeout.signal }).then(
      () => child.kill("SIGKILL"),
      () => false,
    );
    await gone;
    timeout.abort();
    await late;
  }

  #letGo(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    return child;
  }
}

/** The environment without Quorate's own variables: a person's settings must not change the experiment. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("QUORATE_")));
}
