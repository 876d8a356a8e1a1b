import { CommandFailure } from "./command-failure.js";
import { exitCode } from "./exit-code.js";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** The longest duration accepted, in milliseconds: a day, like the longest timeout and TTL of the client library. */
export const durationMsMax = 24 * 60 * 60 * 1_000;

/**
 * Milliseconds of a duration such as `500ms`, `5s`, `1.5m` or `2h`; a bare number is seconds.
 *
 * @throws CommandFailure (usage) when `text` is no duration, is not positive, or is over {@link durationMsMax}.
 */
export function parseDurationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const amount = match?.[1];
  if (amount === undefined) throw badDuration(option, text);
  const unit = match?.[2];
  const ms = Math.round(
    Number(amount) * (unit === undefined ? unitsMs.s : unitsMs[unit as keyof typeof unitsMs]),
  );
  if (ms < 1 || ms > durationMsMax) throw badDuration(option, text);
  return ms;
}

function badDuration(option: string, text: string): CommandFailure {
  return new CommandFailure(
    exitCode.usage,
    `--${option}: "${text}" is no duration between 1ms and 24h; write for example 500ms, 5s or 1m`,
  );
}
