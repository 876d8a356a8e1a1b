/** A process ended for a reason that no fault explains. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
  /** ASSERT when the code itself found one of its invariants broken; LIVE when a voter stopped at what it cannot read. */
  readonly kind: "ASSERT" | "LIVE" | "UNEXPECTED";

  constructor(host: string, cause: unknown) {
    super(`${host} ended: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`, {
      cause,
    });
    this.kind = kindOf(cause);
  }
}

function kindOf(cause: unknown): Unexpected["kind"] {
  switch (cause instanceof Error ? cause.name : undefined) {
    case "InvariantViolation":
      return "ASSERT";
    case "UnknownFormat":
      return "LIVE";
    default:
      return "UNEXPECTED";
  }
}
