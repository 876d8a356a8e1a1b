/** A process ended for a reason that no fault explains. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
  /** ASSERT when the code itself found one of its invariants broken. */
  readonly kind: "ASSERT" | "UNEXPECTED";

  constructor(host: string, cause: unknown) {
    super(`${host} ended: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, {
      cause,
    });
    this.kind = cause instanceof Error && cause.name === "InvariantViolation" ? "ASSERT" : "UNEXPECTED";
  }
}
