import {
  DeadlineExceeded,
  HistoryChanged,
  NoQuorum,
  Overloaded,
  type QuorateError,
  SessionFull,
  Unavailable,
} from "./quorate-error.js";

/**
 * The error of giving up at a deadline: it says what was last known to be in the way, since "no quorum" helps more
 * than "too late". `message` says who gave up, and when.
 */
export function gaveUp(message: string, trouble: QuorateError | undefined): QuorateError {
  if (trouble === undefined) return new DeadlineExceeded(message);
  const detailed = `${message}; last: ${trouble.message}`;
  switch (trouble.code) {
    case "NO_QUORUM":
      return new NoQuorum(detailed, { cause: trouble });
    case "UNAVAILABLE":
      return new Unavailable(detailed, { cause: trouble });
    case "OVERLOADED":
      return new Overloaded(detailed, { cause: trouble });
    case "SESSION_FULL":
      return new SessionFull(detailed, { cause: trouble });
    case "HISTORY_CHANGED":
      return new HistoryChanged(detailed, { cause: trouble });
    default:
      return new DeadlineExceeded(detailed, { cause: trouble });
  }
}
