import type { Ownership, Quorate } from "@quorate/sdk";
import { CommandFailure } from "../command-failure.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import type { GlobalOptions, OutputFormat } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { type Interruption, interruptedBefore, listenForInterruption } from "../signals/interruption.js";
import type { Terminal } from "../terminal.js";
import { type HeldCommand, runHeldCommand } from "./held-command.js";

/** A lock or a leadership, seen as something that is held for a while. */
export interface Held extends Ownership {
  /** Aborted when it may have been lost. */
  readonly signal: AbortSignal;
  /** Gives it up. */
  giveUp(): Promise<void>;
}

/** How something is acquired and for what. */
export interface HoldRequest {
  /** What to call it in messages: "lock" or "leadership". */
  readonly noun: string;
  /** The environment variable that tells a command its key. */
  readonly keyVariable: string;
  /** Queues for it; rejects when `signal` aborts first. */
  acquire(signal: AbortSignal): Promise<Held>;
  /** How long to queue, in milliseconds; without end when undefined. */
  readonly waitMs: number | undefined;
  /** What to run meanwhile; undefined to hold until Ctrl-C. */
  readonly command: HeldCommand["command"] | undefined;
  /** See HeldCommand. */
  readonly killGraceMs: number;
}

/**
 * Acquires, runs the command (or without one waits for Ctrl-C), and gives up again.
 *
 * @returns the exit code of the command, or of `quorate` itself.
 * @throws CommandFailure when it was not acquired in time, was interrupted before, or was lost.
 */
export async function holdWhileRunning(
  client: Quorate,
  request: HoldRequest,
  { output }: GlobalOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  // From here to the end: a signal must never end this process between acquiring and giving up.
  const interruption = listenForInterruption();
  try {
    const held = await acquire(client, request, interruption);
    const outcome = await whileHeld(held, request, output, terminal, interruption);
    if (outcome === "lost") {
      throw new CommandFailure(
        exitCode.ownershipLost,
        `${held.key}: the ${request.noun} may have been lost, so the work under it was stopped; fenced writes under token ${held.token} stay refused`,
      );
    }
    // When giving up fails the session ends it, at the latest after its TTL; the work itself is done.
    await held.giveUp().catch(() => undefined);
    return outcome;
  } finally {
    interruption.stop();
  }
}

async function acquire(client: Quorate, request: HoldRequest, interruption: Interruption): Promise<Held> {
  const waited = request.waitMs === undefined ? undefined : AbortSignal.timeout(request.waitMs);
  const signals = waited === undefined ? [interruption.signal] : [interruption.signal, waited];
  try {
    const held = await request.acquire(AbortSignal.any(signals));
    if (interruption.by === undefined) return held;
    await held.giveUp().catch(() => undefined);
    throw interruptedBefore(`the ${request.noun} was held`, interruption.by);
  } catch (error) {
    if (interruption.by !== undefined)
      throw interruptedBefore(`the ${request.noun} was held`, interruption.by);
    if (waited?.aborted !== true) throw error;
    if (client.state === "connected") {
      throw new CommandFailure(exitCode.failed, `the ${request.noun} was not free within --wait`, {
        cause: error,
      });
    }
    throw new CommandFailure(exitCode.unavailable, "the cluster could not be reached within --wait", {
      cause: error,
    });
  }
}

async function whileHeld(
  held: Held,
  { command, keyVariable, killGraceMs }: HoldRequest,
  output: OutputFormat,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode | "lost"> {
  if (command === undefined) {
    const { key, token } = held;
    if (output === "json") writeJson(terminal, { key, token });
    else terminal.out(`${token}\n`);
    return untilReleased(held.signal, interruption, terminal);
  }
  const outcome = await runHeldCommand({
    command,
    env: { [keyVariable]: held.key, QUORATE_FENCING_TOKEN: String(held.token) },
    ownership: held.signal,
    killGraceMs,
    onTerminal: process.stdin.isTTY === true,
  });
  switch (outcome.kind) {
    case "ended":
      return outcome.exitCode;
    case "lost":
      return "lost";
  }
}

/** Ctrl-C is how holding without a command ends, and done. Holding is of no use when nobody is told the token. */
async function untilReleased(
  ownership: AbortSignal,
  interruption: Interruption,
  { closed }: Terminal,
): Promise<ExitCode | "lost"> {
  // Signal listeners and abort events keep no process alive; holding must.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await new Promise<void>((resolve) => {
      const either = AbortSignal.any([ownership, interruption.signal, closed]);
      if (either.aborted) resolve();
      either.addEventListener("abort", () => resolve(), { once: true });
    });
    return ownership.aborted && interruption.by === undefined ? "lost" : exitCode.ok;
  } finally {
    clearInterval(alive);
  }
}
