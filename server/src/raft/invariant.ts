/** A Raft invariant does not hold: a defect or corrupted data. The node must stop rather than go on. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/**
 * Throws InvariantViolation unless `condition` holds. Where it runs for every entry or message, `message` is a function,
 * since making the text costs more than the check.
 */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof message === "string" ? message : message());
}
