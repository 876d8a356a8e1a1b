/** The newest format of a CommandBatch that this version understands, and the one it writes. */
export const COMMAND_FORMAT = 1;

/** The log holds what only a newer version understands. A node that meets it must stop, and be upgraded. */
export class UnknownFormat extends Error {
  override readonly name = "UnknownFormat";

  constructor(found: string) {
    super(`the log holds ${found}, but this node knows command format ${COMMAND_FORMAT}: upgrade it`);
  }
}
