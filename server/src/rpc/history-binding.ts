import { type handleUnaryCall, Metadata, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import type { StateMachine } from "../state-machine/index.js";
import { RequestError, toGrpcError } from "./errors.js";

/** Metadata of unary calls: of a request the history that it goes on from, of an answer the one that it is of. */
export const HISTORY_HEADER = "quorate-history";

/** What binding takes of a node. */
export interface HistoryNode {
  readonly machine: Pick<StateMachine, "historyId">;
}

/**
 * Why a request that goes on from the history `expected`, "" for any, must not be served; undefined when it may.
 *
 * Invariant: whoever names a history is answered from its state alone, or with an error. A state without an id may be that
 * of a new cluster as well as that of a node that lags, so it answers nobody who names one.
 */
export function problemOfHistory({ machine }: HistoryNode, expected: string): RequestError | undefined {
  const { historyId } = machine;
  if (expected === "" || expected === historyId) return undefined;
  if (historyId === "") {
    return new RequestError(
      "UNAVAILABLE",
      `this node does not know yet which history it is of, and cannot go on from ${expected}: use another one, or retry`,
    );
  }
  return new RequestError(
    "HISTORY_CHANGED",
    `the history here is ${historyId}, and the request goes on from ${expected}: the cluster lost its data or was made from a backup, or another cluster answers at this endpoint; revisions, sessions, locks and leases of ${expected} mean nothing here: check the endpoints, then connect anew and read anew`,
  );
}

/** A call that is refused when it names another history, and whose answer names the node's. */
export function boundToHistory<Request, Response>(
  node: HistoryNode,
  handler: handleUnaryCall<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    const problem = problemOfHistory(node, expectedBy(call.metadata));
    if (problem !== undefined) {
      callback(toGrpcError(problem));
      return;
    }
    handler(call, (error, response, trailer, flags) => {
      const { historyId } = node.machine;
      if (error === null && historyId !== "") {
        const metadata = new Metadata();
        metadata.set(HISTORY_HEADER, historyId);
        call.sendMetadata(metadata);
      }
      callback(error, response, trailer, flags);
    });
  };
}

/** All of a service's calls, bound. */
export function allBound<Calls extends object>(node: HistoryNode, calls: Calls): Calls {
  const bound = Object.entries(calls).map(([name, handler]) => [name, boundToHistory(node, handler)]);
  return Object.fromEntries(bound);
}

function expectedBy(metadata: Metadata): string {
  return metadata.get(HISTORY_HEADER)[0]?.toString() ?? "";
}
