import { CommandFailure } from "./command-failure.js";
import { exitCode } from "./exit-code.js";
import { wholeNumber } from "./whole-number.js";

/**
 * A lease's id given as an argument.
 *
 * @throws CommandFailure (usage) when it is none.
 */
export function leaseId(text: string): number {
  return wholeNumber("id", text, 1) ?? 0;
}

/** What to say of a lease that does not exist. */
export function noSuchLease(id: number): CommandFailure {
  return new CommandFailure(exitCode.failed, `lease ${id}: no such lease`);
}
