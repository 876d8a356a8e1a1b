import { CommandFailure } from "../command-failure.js";
import { parseDurationMs } from "../duration.js";
import { exitCode } from "../exit-code.js";

/** Options of commands that hold something. */
export const holdOptions = {
  wait: {
    type: "string",
    requiresArg: true,
    describe: "Give up queueing after this long, exit 1; without it wait for ever",
  },
  ttl: {
    type: "string",
    default: "10s",
    requiresArg: true,
    describe: "How long it stays held after this process dies or loses the cluster",
  },
  "kill-grace": {
    type: "string",
    default: "5s",
    requiresArg: true,
    describe: "When it is lost: from SIGTERM to SIGKILL for the command",
  },
} as const;

/** The hold options in milliseconds. */
export interface HoldTimes {
  readonly waitMs: number | undefined;
  readonly sessionTtlMs: number;
  readonly killGraceMs: number;
}

/** Checks the hold options. */
export function readHoldTimes(argv: {
  wait?: string | undefined;
  ttl: string;
  killGrace: string;
}): HoldTimes {
  return {
    waitMs: argv.wait === undefined ? undefined : parseDurationMs("wait", argv.wait),
    sessionTtlMs: parseDurationMs("ttl", argv.ttl),
    killGraceMs: parseDurationMs("kill-grace", argv.killGrace),
  };
}

/**
 * The command after `--`; undefined without a `--`, which means to hold until Ctrl-C.
 *
 * @throws CommandFailure (usage) when nothing follows, or the program is an empty text: what a variable without a value
 * leaves behind, and no wish to hold for ever.
 */
export function readHeldCommand(
  afterDashes: readonly string[] | undefined,
): readonly [program: string, ...args: string[]] | undefined {
  if (afterDashes === undefined) return undefined;
  const [program, ...args] = afterDashes;
  if (program === undefined || program.trim() === "") {
    throw new CommandFailure(
      exitCode.usage,
      "the command after -- is empty; leave -- out to hold until Ctrl-C",
    );
  }
  return [program, ...args];
}
