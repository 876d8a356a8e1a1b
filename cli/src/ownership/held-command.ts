import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { CommandFailure } from "../command-failure.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { type EndingSignal, listenForInterruption } from "../interruption.js";

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
/** What shells add to the number of the signal that ended a command. */
const signalExitCodeBase = 128;

/**
 * Runs a command while its ownership lasts: ending signals are passed on to it, and it is killed when the ownership
 * may have been lost. Resolves only once it has ended, so that the caller releases after, never during.
 *
 * @throws CommandFailure when the command cannot be started.
 */
export async function runHeldCommand(held: HeldCommand): Promise<HeldOutcome> {
  const [program, ...args] = held.command;
  if (held.ownership.aborted) return { kind: "lost" };
  // Away from a terminal the command leads a process group of its own, so that what it starts is stopped with it. On a
  // terminal it must stay in the foreground group, or it could not read the keyboard.
  const child = spawn(program, args, {
    stdio: "inherit",
    env: { ...process.env, ...held.env },
    detached: !held.onTerminal,
  });
  const ended = endOf(child, program);
  const interruption = listenForInterruption((signal) => {
    // Ctrl-C on a terminal has reached the whole foreground group already.
    if (!(held.onTerminal && signal === "SIGINT")) signalCommand(child, signal, held.onTerminal);
  });
  let killTimer: NodeJS.Timeout | undefined;
  const onLost = (): void => {
    signalCommand(child, "SIGTERM", held.onTerminal);
    killTimer = setTimeout(() => signalCommand(child, "SIGKILL", held.onTerminal), held.killGraceMs);
  };
  held.ownership.addEventListener("abort", onLost, { once: true });
  try {
    const code = await ended;
    return held.ownership.aborted ? { kind: "lost" } : { kind: "ended", exitCode: code };
  } finally {
    held.ownership.removeEventListener("abort", onLost);
    clearTimeout(killTimer);
    interruption.stop();
    // Whatever the command left behind in its group must not go on without the lock.
    if (killTimer !== undefined) signalCommand(child, "SIGKILL", held.onTerminal);
  }
}

function endOf(child: ChildProcess, program: string): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code === "ENOENT" ? notFoundExitCode : notExecutableExitCode;
      const reason = error.code === "ENOENT" ? "no such command" : error.message;
      reject(new CommandFailure(code, `${program}: ${reason}`, { cause: error }));
    });
    child.once("exit", (code, signal) => {
      if (signal !== null) resolve(signalExitCodeBase + constants.signals[signal]);
      else resolve(code ?? exitCode.failed);
    });
  });
}

function signalCommand(child: ChildProcess, signal: EndingSignal | "SIGKILL", onTerminal: boolean): void {
  if (child.pid === undefined) return;
  try {
    if (onTerminal) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // It has ended in the meantime, which is what was wanted.
  }
}
