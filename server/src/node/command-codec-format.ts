import type { CommandBody } from "../state-machine/command.js";

/** The newest format of a CommandBatch that this version understands. It writes the oldest that has all the commands. */
export const COMMAND_FORMAT = 4;

/** From this format on, a member reads configurations in which addresses were changed. It has no command of its own. */
export const READDRESSING_FORMAT = 3;

/**
 * The oldest format that has such commands. One that is not of the first must not be proposed before every member
 * understands it: one that does not would stop.
 */
export function formatOf(body: CommandBody): number {
  switch (body.kind) {
    case "quota":
    case "limits":
    case "checkpoint":
      return 2;
    case "historyId":
      return 4;
    default:
      return 1;
  }
}

/** The log holds what only a newer version understands. A node that meets it must stop, and be upgraded. */
export class UnknownFormat extends Error {
  override readonly name = "UnknownFormat";

  constructor(found: string, known = COMMAND_FORMAT) {
    super(`the log holds ${found}, but this node knows command format ${known}: upgrade it`);
  }
}
