import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CommandFailure } from "../command-failure.js";
import { type ExitCode, exitCode, signalExitCode } from "../exit-code.js";
import { forwardedSignals } from "../signals/signals.js";
import type { GuardianMessage } from "./guardian-message.js";

/** A command that may run only while something is owned. */
export interface HeldCommand {
  /** The program and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Added to its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborted when the ownership may have been lost. */
  readonly ownership: AbortSignal;
  /** How long the command may take to end after SIGTERM before SIGKILL, in milliseconds. */
  readonly killGraceMs: number;
  /** Whether the command shares a terminal with this process. */
  readonly onTerminal: boolean;
}

/** How a held command ended. */
export type HeldOutcome =
  | { readonly kind: "ended"; readonly exitCode: ExitCode }
  /** The ownership was lost while it ran; it was told to stop, and has ended. */
  | { readonly kind: "lost" };

/** What shells exit with when a command cannot be found, or not be run. */
const notFoundExitCode = 127;
const notExecutableExitCode = 126;
const guardianUrl = new URL("./guardian.js", import.meta.url);
/** What a terminal sends to its whole foreground group: Ctrl-C, Ctrl-\\, a new size. */
const terminalSignals: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

/**
 * Runs a command while its ownership lasts: signals are passed on to it, and it is killed when the ownership may have
 * been lost. Resolves only once it has ended, so that the caller releases after, never during.
 *
 * Invariant: the command does not outlive this process by more than the grace, however this process ends. A guardian
 * starts the command and ends it when the channel to this process breaks.
 *
 * @param guardian the guardian's program.
 * @throws CommandFailure when the command cannot be started, or its guardian was killed.
 */
export async function runHeldCommand(held: HeldCommand, guardian = guardianUrl): Promise<HeldOutcome> {
  if (held.ownership.aborted) return { kind: "lost" };
  const guarded = new GuardedCommand(held, guardian);
  const forward = (signal: NodeJS.Signals): void => {
    if (held.onTerminal && terminalSignals.has(signal)) return;
    guarded.signal(signal);
  };
  for (const signal of forwardedSignals) process.on(signal, forward);
  let killTimer: NodeJS.Timeout | undefined;
  const onLost = (): void => {
    guarded.signal("SIGTERM");
    killTimer = setTimeout(() => guarded.signal("SIGKILL"), held.killGraceMs);
  };
  held.ownership.addEventListener("abort", onLost, { once: true });
  try {
    const code = await guarded.ended;
    return held.ownership.aborted ? { kind: "lost" } : { kind: "ended", exitCode: code };
  } finally {
    held.ownership.removeEventListener("abort", onLost);
    clearTimeout(killTimer);
    for (const signal of forwardedSignals) process.off(signal, forward);
    // Whatever the command left behind in its group must not go on without the lock.
    if (killTimer !== undefined) guarded.signal("SIGKILL");
  }
}

/** A command, and the guardian that it runs under. */
class GuardedCommand {
  /** Resolves with the command's exit code. */
  readonly ended: Promise<ExitCode>;
  readonly #guardian: ChildProcess;
  readonly #onTerminal: boolean;
  #commandPid: number | undefined;
  #ended = false;
  /** Signals that came before the command was there: they are for it all the same. */
  #waiting: NodeJS.Signals[] = [];

  constructor({ command, env, killGraceMs, onTerminal }: HeldCommand, guardian: URL) {
    const [program] = command;
    this.#onTerminal = onTerminal;
    // Away from a terminal the command leads a process group of its own, so that what it starts is stopped with it, and
    // the guardian another, so that what kills the group of this process leaves the guardian to end the command. On a
    // terminal the command must stay in the foreground group, or it could not read the keyboard.
    this.#guardian = fork(
      fileURLToPath(guardian),
      [String(killGraceMs), onTerminal ? "terminal" : "group", ...command],
      {
        stdio: ["inherit", "inherit", "inherit", "ipc"],
        env: { ...process.env, ...env },
        execArgv: [],
        detached: !onTerminal,
      },
    );
    this.ended = new Promise((resolve, reject) => {
      this.#guardian.on("message", (message: GuardianMessage) => {
        switch (message.kind) {
          case "started":
            this.#started(message.pid);
            return;
          case "failed":
            reject(startFailure(program, message.code, message.reason));
            return;
          case "ended":
            this.#ended = true;
            resolve(
              message.signal === null ? (message.code ?? exitCode.failed) : signalExitCode(message.signal),
            );
            return;
        }
      });
      this.#guardian.once("error", (error) => reject(startFailure(program, "", error.message)));
      // Comes after the last message.
      this.#guardian.once("close", () => {
        if (this.#ended) return;
        // Nobody else would end the command now.
        this.signal("SIGKILL");
        const words = "the process that watches over it was killed, so it was killed, too";
        reject(new CommandFailure(exitCode.failed, `${program}: ${words}`));
      });
    });
  }

  #started(pid: number): void {
    this.#commandPid = pid;
    for (const signal of this.#waiting) this.signal(signal);
    this.#waiting = [];
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#commandPid === undefined) {
      this.#waiting.push(signal);
      return;
    }
    try {
      process.kill(this.#onTerminal ? this.#commandPid : -this.#commandPid, signal);
    } catch {
      // It has ended in the meantime, which is what was wanted.
    }
  }
}

function startFailure(program: string, code: string, reason: string): CommandFailure {
  return code === "ENOENT"
    ? new CommandFailure(notFoundExitCode, `${program}: no such command`)
    : new CommandFailure(notExecutableExitCode, `${program}: ${reason}`);
}
