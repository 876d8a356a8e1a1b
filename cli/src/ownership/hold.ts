import type { Ownership, Quorate } from "@quorate/sdk";
import type { CommandContext } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import type { GlobalOptions } from "../global-options.js";
import { listenForInterruption } from "../interruption.js";
import { writeJson } from "../output/json.js";
import { runHeldCommand } from "./held-command.js";

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
  /** See HeldCommand. */
  readonly killGraceMs: number;
}

/**
 * Acquires, runs the command after `--` (or without one waits for Ctrl-C), and gives up again.
 *
 * @returns the exit code of the command, or of `quorate` itself.
 * @throws CommandFailure when it was not acquired in time, or was lost.
 */
export async function holdWhileRunning(
  client: Quorate,
  request: HoldRequest,
  options: GlobalOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const held = await acquire(client, request);
  if (held === undefined) return exitCode.ok;
  const outcome = await whileHeld(held, request, options, context);
  if (outcome === "lost") {
    throw new CommandFailure(
      exitCode.ownershipLost,
      `${held.key}: the ${request.noun} may have been lost, so the work under it was stopped; fenced writes under token ${held.token} stay refused`,
    );
  }
  // When giving up fails the session ends it, at the latest after its TTL; the work itself is done.
  await held.giveUp().catch(() => undefined);
  return outcome;
}

/** Undefined when an ending signal came while queueing. */
async function acquire(client: Quorate, request: HoldRequest): Promise<Held | undefined> {
  const interruption = listenForInterruption();
  const waited = request.waitMs === undefined ? undefined : AbortSignal.timeout(request.waitMs);
  const signals = waited === undefined ? [interruption.signal] : [interruption.signal, waited];
  try {
    const held = await request.acquire(AbortSignal.any(signals));
    if (!interruption.signal.aborted) return held;
    await held.giveUp().catch(() => undefined);
    return undefined;
  } catch (error) {
    if (interruption.signal.aborted) return undefined;
    if (waited?.aborted !== true) throw error;
    if (client.state === "connected") {
      throw new CommandFailure(exitCode.failed, `the ${request.noun} was not free within --wait`, {
        cause: error,
      });
    }
    throw new CommandFailure(exitCode.unavailable, "the cluster could not be reached within --wait", {
      cause: error,
    });
  } finally {
    interruption.stop();
  }
}

async function whileHeld(
  held: Held,
  request: HoldRequest,
  options: GlobalOptions,
  { terminal, afterDashes }: CommandContext,
): Promise<ExitCode | "lost"> {
  const [program, ...args] = afterDashes ?? [];
  if (program === undefined) {
    const { key, token } = held;
    if (options.output === "json") writeJson(terminal, { key, token });
    else terminal.out(`${token}\n`);
    return untilInterrupted(held.signal);
  }
  const outcome = await runHeldCommand({
    command: [program, ...args],
    env: { [request.keyVariable]: held.key, QUORATE_FENCING_TOKEN: String(held.token) },
    ownership: held.signal,
    killGraceMs: request.killGraceMs,
    onTerminal: process.stdin.isTTY === true,
  });
  switch (outcome.kind) {
    case "ended":
      return outcome.exitCode;
    case "lost":
      return "lost";
  }
}

async function untilInterrupted(ownership: AbortSignal): Promise<ExitCode | "lost"> {
  const interruption = listenForInterruption();
  // Signal listeners and abort events keep no process alive; holding must.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await new Promise<void>((resolve) => {
      const either = AbortSignal.any([ownership, interruption.signal]);
      if (either.aborted) resolve();
      either.addEventListener("abort", () => resolve(), { once: true });
    });
    return interruption.signal.aborted ? exitCode.ok : "lost";
  } finally {
    clearInterval(alive);
    interruption.stop();
  }
}
