import type { QuorateError } from "./quorate-error.js";

/**
 * Of two reasons why something does not work, the one to tell: that a node answered, and has no quorum or is of another
 * history, says more than that others could not be reached, whichever came last.
 */
export function tellingTrouble(before: QuorateError | undefined, latest: QuorateError): QuorateError {
  return before !== undefined && isTelling(before) && !isTelling(latest) ? before : latest;
}

function isTelling({ code }: QuorateError): boolean {
  return code === "NO_QUORUM" || code === "HISTORY_CHANGED";
}
