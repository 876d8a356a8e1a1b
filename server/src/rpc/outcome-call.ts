import type { handleUnaryCall } from "@grpc/grpc-js";
import { type OutcomeRequest, type OutcomeResponse, Verdict } from "@quorate/proto";
import type { Failure } from "../node/failure.js";
import type { Node } from "../node/node.js";
import type { CommandBody, ErrorResult, Result, Txn, TxnResult } from "../state-machine/index.js";
import { AnswerRoom } from "./answer-room.js";
import { type Problem, problemOf, RequestError, toGrpcError, toWireError } from "./errors.js";
import { leaseId, wholeNumber } from "./requests.js";
import { type Answer, toDeleteResponse, toGrantResponse, toPutResponse, toTxnResponse } from "./responses.js";

/**
 * A command that changes nothing whatever the state: no lease has the id 0. Applied under the sequence that is asked
 * about, it finds the result of the mutation; or, where there is none, its own refusal is kept in that place.
 *
 * Invariant: from the answer on, the mutation's fate is what the answer says. A copy of the mutation that is still on its
 * way comes later in the log, and finds a result there; a read of the kept results could not promise that.
 */
const nothing: CommandBody = { kind: "revoke", lease: 0 };

/** What the state machine says to that. */
const nothingRefused = "lease 0 does not exist";

/** What became of a mutation, or why that cannot be told. */
export type Told =
  | { readonly kind: "told"; readonly response: OutcomeResponse }
  | { readonly kind: "failed"; readonly problem: Problem };

/** The call that tells what became of a mutation whose client gave it up. */
export function outcomeCall(node: Pick<Node, "submit">): handleUnaryCall<OutcomeRequest, OutcomeResponse> {
  return ({ request }, callback) =>
    tellOutcome(node, request, (answer) => {
      if (answer.kind === "told") callback(null, answer.response);
      else callback(toGrpcError(answer.problem));
    });
}

/** Asks the cluster. `done` is called once. */
export function tellOutcome(
  node: Pick<Node, "submit">,
  request: OutcomeRequest,
  done: (answer: Told) => void,
): void {
  try {
    const sessionId = leaseId(request.sessionId);
    const sequence = wholeNumber(request.sequence, "a sequence");
    if (sessionId === 0 || sequence === 0) {
      throw new RequestError("INVALID_ARGUMENT", "an outcome is that of a session and a sequence from 1");
    }
    // The question acknowledges nothing: which results the client waits for is for the client to say.
    const command = { sessionId, sequence, lowestPending: 0, fence: undefined, body: nothing };
    node.submit(command, (outcome) => done(answerTo(outcome, request.sequence)));
  } catch (thrown) {
    done({ kind: "failed", problem: problemOf(thrown) });
  }
}

function answerTo(outcome: Result | Failure, sequence: bigint): Told {
  if (outcome.kind === "failure") return { kind: "failed", problem: outcome };
  if (outcome.kind === "error") return answerToRefusal(outcome);
  try {
    const result = toAnswer(outcome);
    return told(Verdict.APPLIED, {
      result: { $typeName: "quorate.v1.OperationResult", sequence, result },
    });
  } catch (thrown) {
    return { kind: "failed", problem: problemOf(thrown) };
  }
}

/** Every refusal is the mutation's own or that of the command in its place, but for those that come before both. */
function answerToRefusal(refusal: ErrorResult): Told {
  switch (refusal.code) {
    case "SESSION_EXPIRED":
    case "SEQUENCE_FORGOTTEN":
      return told(Verdict.FORGOTTEN, {});
    case "SESSION_FULL":
      // Nothing could be put in the mutation's place, which may still come.
      return { kind: "failed", problem: refusal };
    default:
      return told(
        Verdict.NOT_APPLIED,
        refusal.message === nothingRefused ? {} : { refusal: toWireError(refusal) },
      );
  }
}

function told(verdict: Verdict, what: Partial<Pick<OutcomeResponse, "result" | "refusal">>): Told {
  return { kind: "told", response: { $typeName: "quorate.v1.OutcomeResponse", verdict, ...what } };
}

function toAnswer(result: Exclude<Result, ErrorResult>): Answer {
  const room = new AnswerRoom();
  switch (result.kind) {
    case "put":
      return { case: "put", value: toPutResponse(result, room) };
    case "delete":
      return { case: "delete", value: toDeleteResponse(result, room) };
    case "txn":
      return { case: "txn", value: toTxnResponse(shapeOf(result), result, room) };
    case "grant":
      return { case: "grant", value: toGrantResponse(result) };
    case "done":
      return {
        case: "revoke",
        value: { $typeName: "quorate.v1.RevokeResponse", revision: BigInt(result.revision) },
      };
    case "range":
      throw new RequestError("INTERNAL", "a range is no mutation");
  }
}

/** A transaction of the shape that the result shows. The request is gone, and with it which reads were gets. */
function shapeOf(result: TxnResult): Txn {
  const branch = result.results.map((part) =>
    part.kind === "txn" ? shapeOf(part) : ({ kind: "txn", compares: [], then: [], otherwise: [] } as const),
  );
  return { kind: "txn", compares: [], then: branch, otherwise: branch };
}
