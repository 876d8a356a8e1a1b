import type { handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import { ErrorCode, type ExactlyOnce, type Operation } from "@quorate/proto";
import { type ErrorName, problemOf, RequestError, toGrpcError } from "./errors.js";
import { anonymous, type Executor, type Identity } from "./executor.js";
import { leaseId, wholeNumber } from "./requests.js";
import type { Answer } from "./responses.js";

type Case = Exclude<Operation["operation"]["case"], undefined>;
type RequestOf<Name extends Case> = Extract<Operation["operation"], { case: Name }>["value"];
type Response = Exclude<Answer, { case: "error" | undefined }>["value"];

/** A unary call that does what the session stream's operation of the same name does. */
export function unary<Name extends Case>(
  executor: Executor,
  name: Name,
): handleUnaryCall<RequestOf<Name>, Response> {
  return (call: ServerUnaryCall<RequestOf<Name>, Response>, callback) => {
    try {
      const operation = { case: name, value: call.request } as Operation["operation"];
      executor.execute(operation, identityOf(call.request), (answer) => {
        if (answer.case === "error") {
          const { code, message, revision } = answer.value;
          callback(toGrpcError(new RequestError(nameOf(code), message, Number(revision))));
        } else if (answer.case !== undefined) {
          callback(null, answer.value);
        }
      });
    } catch (thrown) {
      callback(toGrpcError(problemOf(thrown)));
    }
  };
}

function nameOf(code: ErrorCode): ErrorName {
  const name = ErrorCode[code] as keyof typeof ErrorCode;
  return name === "UNSPECIFIED" ? "INTERNAL" : name;
}

function identityOf(request: object): Identity {
  const once = (request as { exactlyOnce?: ExactlyOnce }).exactlyOnce;
  if (once === undefined) return anonymous;
  const identity = {
    sessionId: leaseId(once.sessionId),
    sequence: wholeNumber(once.sequence, "a sequence"),
    lowestPending: wholeNumber(once.lowestPending, "a lowest pending sequence"),
  };
  if (identity.sessionId === 0 || identity.sequence === 0) {
    throw new RequestError("INVALID_ARGUMENT", "exactly_once needs a session and a sequence from 1");
  }
  return identity;
}
