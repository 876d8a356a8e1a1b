import { Metadata, status } from "@grpc/grpc-js";
import { ErrorCode, type Error as WireError } from "@quorate/proto";
import type { Failure } from "../node/failure.js";
import type { ErrorResult } from "../state-machine/index.js";

export type ErrorName = Exclude<keyof typeof ErrorCode, "UNSPECIFIED">;

/** The one place where error codes meet gRPC's. A retry is safe after any of them but OUTCOME_UNKNOWN. */
const GRPC_STATUS: Record<ErrorName, status> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  TOO_LARGE: status.INVALID_ARGUMENT,
  LEASE_NOT_FOUND: status.NOT_FOUND,
  LEASE_EXISTS: status.ALREADY_EXISTS,
  SESSION_EXPIRED: status.FAILED_PRECONDITION,
  SEQUENCE_FORGOTTEN: status.FAILED_PRECONDITION,
  FENCED: status.FAILED_PRECONDITION,
  COMPACTED: status.OUT_OF_RANGE,
  FUTURE_REVISION: status.OUT_OF_RANGE,
  MEMBERSHIP_REFUSED: status.FAILED_PRECONDITION,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  SPACE_EXCEEDED: status.RESOURCE_EXHAUSTED,
  SESSION_FULL: status.RESOURCE_EXHAUSTED,
  LEASES_EXCEEDED: status.RESOURCE_EXHAUSTED,
  KEY_NOT_FOUND: status.NOT_FOUND,
  HISTORY_CHANGED: status.FAILED_PRECONDITION,
  NO_QUORUM: status.UNAVAILABLE,
  UNAVAILABLE: status.UNAVAILABLE,
  OUTCOME_UNKNOWN: status.UNKNOWN,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  INTERNAL: status.INTERNAL,
};

/** A request that is refused before it reaches the log. Nothing was changed. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: ErrorName;
  readonly revision: number;

  constructor(code: ErrorName, message: string, revision = 0) {
    super(message);
    this.code = code;
    this.revision = revision;
  }
}

/** Everything that a call may fail with. */
export type Problem = Failure | ErrorResult | RequestError;

/** Turns whatever was thrown into a problem; what is not ours is a defect of the server. */
export function problemOf(thrown: unknown): RequestError {
  return thrown instanceof RequestError
    ? thrown
    : new RequestError(
        "INTERNAL",
        `a defect of the server: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      );
}

/** The problem as a message, for session streams and watches. */
export function toWireError(problem: Problem): WireError {
  return {
    $typeName: "quorate.v1.Error",
    code: ErrorCode[problem.code],
    message: problem.message,
    revision: BigInt(problem.revision ?? 0),
  };
}

/** The problem as a gRPC status, for unary calls and for the end of a stream. */
export function toGrpcError(problem: Problem): { code: status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("quorate-error", problem.code);
  if (problem.revision !== undefined && problem.revision !== 0) {
    metadata.set("quorate-revision", String(problem.revision));
  }
  return { code: GRPC_STATUS[problem.code], details: problem.message, metadata };
}
