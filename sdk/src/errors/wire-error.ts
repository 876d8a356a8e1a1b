import { status as grpcStatus, type Metadata, type StatusObject } from "@grpc/grpc-js";
import { ErrorCode, type Error as WireError } from "@quorate/proto";
import {
  Cancelled,
  Compacted,
  DeadlineExceeded,
  Fenced,
  FutureRevision,
  HistoryChanged,
  Internal,
  InvalidArgument,
  KeyNotFound,
  LeaseExists,
  LeaseNotFound,
  LeasesExceeded,
  MembershipRefused,
  NoQuorum,
  OutcomeUnknown,
  Overloaded,
  type QuorateError,
  QuotaExceeded,
  SequenceForgotten,
  SessionExpired,
  SessionFull,
  SpaceExceeded,
  TooLarge,
  Unavailable,
} from "./quorate-error.js";

const errorTrailer = "quorate-error";
const revisionTrailer = "quorate-revision";

/** The typed error of a code of the wire. */
function errorOfCode(code: ErrorCode, message: string, revision: number): QuorateError {
  switch (code) {
    case ErrorCode.INVALID_ARGUMENT:
      return new InvalidArgument(message);
    case ErrorCode.TOO_LARGE:
      return new TooLarge(message);
    case ErrorCode.LEASE_NOT_FOUND:
      return new LeaseNotFound(message);
    case ErrorCode.LEASE_EXISTS:
      return new LeaseExists(message);
    case ErrorCode.SESSION_EXPIRED:
      return new SessionExpired(message);
    case ErrorCode.SEQUENCE_FORGOTTEN:
      return new SequenceForgotten(message);
    case ErrorCode.FENCED:
      return new Fenced(message);
    case ErrorCode.COMPACTED:
      return new Compacted(message, revision);
    case ErrorCode.FUTURE_REVISION:
      return new FutureRevision(message, revision);
    case ErrorCode.NO_QUORUM:
      return new NoQuorum(message);
    case ErrorCode.OUTCOME_UNKNOWN:
      return new OutcomeUnknown(message);
    case ErrorCode.OVERLOADED:
      return new Overloaded(message);
    case ErrorCode.UNAVAILABLE:
      return new Unavailable(message);
    case ErrorCode.DEADLINE_EXCEEDED:
      return new DeadlineExceeded(message);
    case ErrorCode.CANCELLED:
      return new Cancelled(message);
    case ErrorCode.MEMBERSHIP_REFUSED:
      return new MembershipRefused(message);
    case ErrorCode.QUOTA_EXCEEDED:
      return new QuotaExceeded(message);
    case ErrorCode.SPACE_EXCEEDED:
      return new SpaceExceeded(message);
    case ErrorCode.SESSION_FULL:
      return new SessionFull(message);
    case ErrorCode.LEASES_EXCEEDED:
      return new LeasesExceeded(message);
    case ErrorCode.KEY_NOT_FOUND:
      return new KeyNotFound(message);
    case ErrorCode.HISTORY_CHANGED:
      return new HistoryChanged(message);
    case ErrorCode.UNSPECIFIED:
    case ErrorCode.INTERNAL:
      return new Internal(message);
    default:
      // A newer server may know codes that this client does not.
      return new Internal(`error code ${String(code)}: ${message}`);
  }
}

/** The typed error of an Error message. */
export function errorOfWire(error: WireError): QuorateError {
  return errorOfCode(error.code, error.message, Number(error.revision));
}

function trailer(metadata: Metadata, name: string): string | undefined {
  return metadata.get(name)[0]?.toString();
}

function codeOfName(name: string): ErrorCode | undefined {
  for (const [key, code] of Object.entries(ErrorCode)) {
    if (key === name && typeof code === "number") return code;
  }
  return undefined;
}

/** How a gRPC call ended that did not succeed. */
export interface CallFailure {
  readonly error: QuorateError;
  /**
   * True when Quorate's server said it (the trailer `quorate-error` was there), so that its "did not happen" can be
   * relied on. False for what gRPC itself reports, for example a broken connection.
   */
  readonly fromServer: boolean;
}

/** The typed error of a gRPC status and its trailers. */
export function failureOfStatus(
  status: Pick<StatusObject, "code" | "details" | "metadata">,
  endpoint: string,
): CallFailure {
  const name = trailer(status.metadata, errorTrailer);
  const code = name === undefined ? undefined : codeOfName(name);
  if (code !== undefined) {
    const revision = Number(trailer(status.metadata, revisionTrailer) ?? 0);
    return { error: errorOfCode(code, status.details, revision), fromServer: true };
  }
  const details = withoutEmptyTail(status.details);
  const message = `${endpoint}: ${details || (grpcStatus[status.code] ?? `gRPC status ${status.code}`)}`;
  return { error: errorOfGrpc(status.code, message), fromServer: false };
}

/** grpc-js ends what it says of a failed connection with a note of its resolver, which is empty for an address. */
function withoutEmptyTail(details: string): string {
  return details.replace(/\. Resolution note: $/, "");
}

function errorOfGrpc(code: grpcStatus, message: string): QuorateError {
  switch (code) {
    case grpcStatus.INVALID_ARGUMENT:
      return new InvalidArgument(message);
    case grpcStatus.DEADLINE_EXCEEDED:
      return new DeadlineExceeded(message);
    case grpcStatus.RESOURCE_EXHAUSTED:
      return new Overloaded(message);
    case grpcStatus.CANCELLED:
    case grpcStatus.INTERNAL:
    case grpcStatus.UNAVAILABLE:
      // grpc-js reports streams reset by a dying server as INTERNAL, or as CANCELLED. Whoever aborts a call here is told
      // so at once, not by its status.
      return new Unavailable(message);
    default:
      return new Internal(message);
  }
}

/** Whether the same request can succeed later or elsewhere. */
export function isTransient(error: QuorateError): boolean {
  switch (error.code) {
    case "NO_QUORUM":
    case "OVERLOADED":
    case "UNAVAILABLE":
    case "OUTCOME_UNKNOWN":
    case "SESSION_FULL":
      return true;
    default:
      return false;
  }
}
