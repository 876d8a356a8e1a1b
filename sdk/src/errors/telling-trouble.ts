import type { QuorateError } from "./quorate-error.js";

/**
 * Of two reasons why something does not work, the one to tell: that a node answered and has no quorum says more than
 * that others could not be reached, whichever came last.
 */
export function tellingTrouble(before: QuorateError | undefined, latest: QuorateError): QuorateError {
  return before?.code === "NO_QUORUM" && latest.code !== "NO_QUORUM" ? before : latest;
}
