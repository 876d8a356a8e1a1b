import { constants } from "node:os";
import { QuorateError } from "@quorate/sdk";
import { CommandFailure } from "./command-failure.js";

/** The exit codes of `quorate`, as documented in its help. Scripts depend on them: never renumber. */
export const exitCode = {
  ok: 0,
  /** Key not found, compare failed, lock not free in time, or a failure that none of the others names. */
  failed: 1,
  /** The command line, a path or a value is wrong; or a port or data directory cannot be used. */
  usage: 2,
  /** No quorum, nothing reachable, or no answer in time. What was asked did not happen. */
  unavailable: 3,
  /** The mutation may or may not have happened. */
  outcomeUnknown: 4,
  /** The fence refused the mutation, or the lock, leadership or session was lost. */
  ownershipLost: 5,
  /** What was to be printed could not be written: a full disk, say. What was asked of the cluster was done. */
  output: 6,
  /** The cluster's history is not the one that was to be gone on from. What was asked did not happen. */
  historyChanged: 7,
} as const;

/** One of the documented exit codes, or the code of the command that `lock` or `elect` ran. */
export type ExitCode = number;

/** What shells add to the number of the signal that ended a command. */
const signalExitCodeBase = 128;

/** The exit code for a command that a signal ended before its work was done, as shells have it: 130 for SIGINT. */
export function signalExitCode(signal: NodeJS.Signals): ExitCode {
  return signalExitCodeBase + constants.signals[signal];
}

/**
 * The exit code for an error.
 *
 * An unknown outcome goes before everything else: it is the one thing a script must not mistake for "did not happen".
 */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandFailure) return error.exitCode;
  if (!(error instanceof QuorateError)) return exitCode.failed;
  if (error.outcome === "unknown") return exitCode.outcomeUnknown;
  switch (error.code) {
    case "OUTCOME_UNKNOWN":
      return exitCode.outcomeUnknown;
    case "NO_QUORUM":
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
    case "OVERLOADED":
      return exitCode.unavailable;
    case "FENCED":
    case "SESSION_EXPIRED":
      return exitCode.ownershipLost;
    case "HISTORY_CHANGED":
      return exitCode.historyChanged;
    case "INVALID_ARGUMENT":
    case "TOO_LARGE":
      return exitCode.usage;
    default:
      return exitCode.failed;
  }
}

/** What to do about an error, as the second half of its one line on stderr; undefined when the message says it all. */
export function adviceFor(error: unknown): string | undefined {
  if (!(error instanceof QuorateError)) return undefined;
  if (error.outcome === "unknown") {
    return "the change may or may not have been made: look before trying again, at the key, or with `quorate member list`";
  }
  switch (error.code) {
    case "NO_QUORUM":
      return "a majority of the nodes must run and reach each other; see `quorate status`, or read with --consistency serializable";
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
      return "check --endpoints and that the nodes run (`quorate dev` starts a local cluster), or raise --timeout";
    case "OVERLOADED":
      return "try again after a pause";
    case "FENCED":
      return "the lock or election is not held under this token any more: acquire it again";
    case "SESSION_EXPIRED":
      return "its locks and keys are gone: start again";
    case "QUOTA_EXCEEDED":
      return "`quorate quota ls` shows the quotas and what they hold";
    case "SPACE_EXCEEDED":
      return "`quorate stat` shows what is used; what is deleted counts until its history is compacted, a moment later";
    case "LEASES_EXCEEDED":
      return "`quorate lease ls` shows them; those that end or are revoked make room";
    case "HISTORY_CHANGED":
      return "`quorate status` shows the history of each node; read anew without --history, and without revisions of the old one";
    case "COMPACTED":
      return "history before that revision is gone: read without --revision, or watch with --initial or --relist";
    default:
      return undefined;
  }
}
