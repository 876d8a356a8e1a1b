import type { Fence, Operation, OperationResult, TxnRequest } from "@quorate/proto";
import type { CallOptions } from "../client/options.js";
import { Internal, type MutationId, OutcomeUnknown, type QuorateError } from "../errors/quorate-error.js";
import { errorOfWire } from "../errors/wire-error.js";

/** One operation to be run, of any kind. */
export type OperationRequest = Exclude<Operation["operation"], { case: undefined }>;

/** What a server answered to one that did not fail. */
export type OperationResponse = Exclude<OperationResult["result"], { case: undefined } | { case: "error" }>;

/** Runs operations: over a session's stream, or as unary calls. */
export interface OperationRunner {
  /** The session the operations belong to, 0 for none. */
  readonly sessionId: number;
  /**
   * Runs one operation and converts its response. Rejects with a QuorateError; with OutcomeUnknown when a mutation
   * may have been applied.
   */
  run<T>(
    request: OperationRequest,
    convert: (response: OperationResponse) => T,
    options: CallOptions & { readonly history?: string | undefined },
  ): Promise<T>;
}

/** The error of a response whose case is not the request's. */
export function unexpectedResponse(
  expected: OperationRequest["case"],
  response: OperationResponse,
): Internal {
  return new Internal(`protocol violation: a ${response.case} answers a ${expected}`);
}

/** Splits a result of the wire into response or error. */
export function responseOf(result: OperationResult["result"]): OperationResponse | QuorateError {
  if (result.case === undefined) return new Internal("the answer carries no case that this client knows");
  if (result.case === "error") return errorOfWire(result.value);
  return result;
}

/**
 * The result of a response. Throws what `convert` throws, but of a mutation, which did happen, OutcomeUnknown: an answer
 * that cannot be read is none. `mutation` is what it is known by, on a session.
 */
export function converted<T>(
  request: OperationRequest,
  response: OperationResponse,
  convert: (response: OperationResponse) => T,
  mutation?: MutationId,
): T {
  try {
    return convert(response);
  } catch (cause) {
    if (!isMutation(request)) throw cause;
    const message = `${request.case}: the answer cannot be read: ${String(cause)}`;
    throw new OutcomeUnknown(message, mutation === undefined ? { cause } : { cause, mutation });
  }
}

/**
 * Whether an answer leaves open what became of the mutation it answers: a defect of the server may come before or after
 * the change, and a result that was forgotten was one.
 */
export function leavesOpen(error: QuorateError): boolean {
  switch (error.code) {
    case "OUTCOME_UNKNOWN":
    case "INTERNAL":
    case "SEQUENCE_FORGOTTEN":
      return true;
    default:
      return false;
  }
}

/** Whether the operation can change anything. */
export function isMutation(request: OperationRequest): boolean {
  switch (request.case) {
    case "put":
    case "delete":
    case "grant":
    case "revoke":
      return true;
    case "get":
    case "list":
    case "keepAlive":
    case "timeToLive":
      return false;
    case "txn":
      return mutates(request.value);
  }
}

function mutates(txn: TxnRequest): boolean {
  for (const { operation } of [...txn.then, ...txn.otherwise]) {
    if (operation.case === "put" || operation.case === "delete") return true;
    if (operation.case === "txn" && mutates(operation.value)) return true;
  }
  return false;
}

/** Bytes that tags, lengths and numbers add to an operation, at most. */
const operationOverheadBytes = 96;

/** A text's bytes at most: one UTF-16 unit takes up to three. */
function textBytes(text: string): number {
  return 3 * text.length;
}

/** About how many bytes the operation takes on the wire. Never less than its values and paths. */
export function operationBytes(request: OperationRequest): number {
  switch (request.case) {
    case "put": {
      const { path, value } = request.value;
      return operationOverheadBytes + textBytes(path) + value.length + fenceBytes(request.value);
    }
    case "get":
      return operationOverheadBytes + textBytes(request.value.path);
    case "delete":
      return operationOverheadBytes + textBytes(request.value.path) + fenceBytes(request.value);
    case "list":
      return operationOverheadBytes + textBytes(request.value.path) + textBytes(request.value.after);
    case "txn":
      return operationOverheadBytes + txnBytes(request.value);
    case "keepAlive":
      return operationOverheadBytes + 10 * request.value.leaseIds.length;
    case "grant":
    case "revoke":
      return operationOverheadBytes + fenceBytes(request.value);
    case "timeToLive":
      return operationOverheadBytes + textBytes(request.value.after);
  }
}

function fenceBytes({ fence }: { readonly fence?: Fence | undefined }): number {
  return fence === undefined ? 0 : operationOverheadBytes + textBytes(fence.key);
}

function txnBytes(txn: TxnRequest): number {
  let bytes = fenceBytes(txn);
  for (const condition of txn.compares) {
    bytes += operationOverheadBytes + textBytes(condition.path);
    if (condition.target.case === "value") bytes += condition.target.value.length;
  }
  for (const { operation } of [...txn.then, ...txn.otherwise]) {
    if (operation.case !== undefined) bytes += operationBytes(operation);
  }
  return bytes;
}
