import { CommandFailure } from "./command-failure.js";
import { exitCode } from "./exit-code.js";

/**
 * A whole number from `minimum` up given as an option; undefined when the option is absent.
 *
 * Options are read as strings and checked here, since yargs would turn `--revision abc` into NaN and carry on.
 *
 * @throws CommandFailure (usage) when it is not one.
 */
export function wholeNumber(option: string, text: string | undefined, minimum: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < minimum) {
    throw new CommandFailure(
      exitCode.usage,
      `--${option}: "${text}" is not a whole number from ${minimum} up`,
    );
  }
  return value;
}
