import type { QuorateErrorCode } from "@quorate/sdk";
import { violated } from "../invariants/violation.js";
import type { ClientEvent } from "../observation.js";

/**
 * Every code of the SDK, and whether a client of the simulation can be told it. No workload asks for something invalid
 * or too large, administers, or chooses the id of a lease, and no client asks again for what it said it has heard.
 */
const codes: Readonly<Record<QuorateErrorCode, "expected" | "defect">> = {
  INVALID_ARGUMENT: "defect",
  TOO_LARGE: "defect",
  LEASE_NOT_FOUND: "expected",
  KEY_NOT_FOUND: "defect",
  LEASES_EXCEEDED: "defect",
  LEASE_EXISTS: "defect",
  SESSION_EXPIRED: "expected",
  SEQUENCE_FORGOTTEN: "defect",
  FENCED: "expected",
  COMPACTED: "expected",
  FUTURE_REVISION: "expected",
  NO_QUORUM: "expected",
  OUTCOME_UNKNOWN: "expected",
  OVERLOADED: "expected",
  UNAVAILABLE: "expected",
  DEADLINE_EXCEEDED: "expected",
  CANCELLED: "expected",
  INTERNAL: "defect",
  HISTORY_CHANGED: "defect",
  MEMBERSHIP_REFUSED: "defect",
  QUOTA_EXCEEDED: "expected",
  SPACE_EXCEEDED: "expected",
  SESSION_FULL: "expected",
  COMPARE_FAILED: "expected",
  CLOSED: "expected",
};

const expected: ReadonlySet<string> = new Set(
  Object.entries(codes).flatMap(([code, kind]) => (kind === "expected" ? [code] : [])),
);

/** CODE: what clients are told is documented, and neither a defect of the service nor a mistake that they did not make. */
export function checkCode(event: ClientEvent): void {
  const code = codeOf(event);
  if (code === undefined || expected.has(code)) return;
  violated("CODE", `client ${event.client} was told ${code} by ${event.kind}`, { ...event });
}

function codeOf(event: ClientEvent): string | undefined {
  switch (event.kind) {
    case "failed":
    case "unknown":
    case "lockFailed":
    case "callFailed":
    case "watchEnded":
      return event.code;
    default:
      return undefined;
  }
}
