import {
  Consistency,
  type DeleteRequest,
  type GetRequest,
  type GrantRequest,
  type KeepAliveRequest,
  type ListRequest,
  type Operation,
  type PutRequest,
  type RevokeRequest,
  type TimeToLiveRequest,
  type TxnRequest,
} from "@quorate/proto";
import { bounds } from "../config.js";
import type { Failure } from "../node/failure.js";
import type { Node } from "../node/node.js";
import type { CommandBody, Fence, Key, Result } from "../state-machine/index.js";
import { AnswerRoom } from "./answer-room.js";
import { readBounded } from "./bounded-read.js";
import { type Problem, problemOf, RequestError, toWireError } from "./errors.js";
import { keyOf, pathOf } from "./path.js";
import {
  leaseId,
  limitWithin,
  revision,
  toDelete,
  toFence,
  toGet,
  toGrant,
  toList,
  toPut,
  toTxn,
} from "./requests.js";
import {
  type Answer,
  toDeleteResponse,
  toGetResponse,
  toGrantResponse,
  toListResponse,
  toPutResponse,
  toTxnResponse,
} from "./responses.js";

/** Who asks: a session and the number of the operation in it, or nobody in particular. */
export interface Identity {
  readonly sessionId: number;
  readonly sequence: number;
  readonly lowestPending: number;
}

export const anonymous: Identity = { sessionId: 0, sequence: 0, lowestPending: 0 };

/** Called once with an operation's answer. */
export type Reply = (answer: Answer) => void;

/**
 * Decides when a read is made that may be made from now on: later when its answer would only pile up. A read that waits
 * sees a later state, which is as good.
 */
export type ReadGate = (read: () => void) => void;

const atOnce: ReadGate = (read) => read();

/** What carrying out operations takes of a node. */
type OperatedNode = Pick<Node, "machine" | "submit" | "read" | "readAt" | "renewLeases">;

/** Carries out operations, whichever service they came by: checks, translates, hands over, and translates back. */
export class Executor {
  private readonly node: OperatedNode;
  private readonly minRevisionWaitMs: number;

  constructor(node: OperatedNode, minRevisionWaitMs: number = bounds.minRevisionWaitMs) {
    this.node = node;
    this.minRevisionWaitMs = minRevisionWaitMs;
  }

  /** Never throws: whatever is wrong with the operation is its answer. */
  execute(
    operation: Operation["operation"],
    identity: Identity,
    reply: Reply,
    gate: ReadGate = atOnce,
  ): void {
    try {
      this.dispatch(operation, identity, reply, gate);
    } catch (thrown) {
      reply(failed(problemOf(thrown)));
    }
  }

  private dispatch(
    operation: Operation["operation"],
    identity: Identity,
    reply: Reply,
    gate: ReadGate,
  ): void {
    switch (operation.case) {
      case "put":
        return this.put(operation.value, identity, reply);
      case "get":
        return this.get(operation.value, reply, gate);
      case "list":
        return this.list(operation.value, reply, gate);
      case "delete":
        return this.delete(operation.value, identity, reply);
      case "txn":
        return this.txn(operation.value, identity, reply);
      case "keepAlive":
        return this.keepAlive(operation.value, reply);
      case "grant":
        return this.grant(operation.value, identity, reply);
      case "revoke":
        return this.revoke(operation.value, identity, reply);
      case "timeToLive":
        return this.timeToLive(operation.value, reply);
      case undefined:
        throw new RequestError(
          "INVALID_ARGUMENT",
          "the operation is empty or of a kind unknown to this server",
        );
    }
  }

  private put(request: PutRequest, identity: Identity, reply: Reply): void {
    this.submit(toPut(request), toFence(request.fence), identity, reply, (outcome) =>
      outcome.kind === "put"
        ? { case: "put", value: toPutResponse(outcome, new AnswerRoom()) }
        : unexpected(outcome),
    );
  }

  private delete(request: DeleteRequest, identity: Identity, reply: Reply): void {
    this.submit(toDelete(request), toFence(request.fence), identity, reply, (outcome) =>
      outcome.kind === "delete"
        ? { case: "delete", value: toDeleteResponse(outcome, new AnswerRoom()) }
        : unexpected(outcome),
    );
  }

  private txn(request: TxnRequest, identity: Identity, reply: Reply): void {
    const txn = toTxn(request);
    this.submit(txn, toFence(request.fence), identity, reply, (outcome) =>
      outcome.kind === "txn"
        ? { case: "txn", value: toTxnResponse(txn, outcome, new AnswerRoom()) }
        : unexpected(outcome),
    );
  }

  private grant(request: GrantRequest, identity: Identity, reply: Reply): void {
    this.submit(toGrant(request, false), toFence(request.fence), identity, reply, (outcome) =>
      outcome.kind === "grant" ? { case: "grant", value: toGrantResponse(outcome) } : unexpected(outcome),
    );
  }

  private revoke(request: RevokeRequest, identity: Identity, reply: Reply): void {
    const revoke = { kind: "revoke", lease: leaseId(request.leaseId) } as const;
    this.submit(revoke, toFence(request.fence), identity, reply, (outcome) =>
      outcome.kind === "done"
        ? {
            case: "revoke",
            value: { $typeName: "quorate.v1.RevokeResponse", revision: BigInt(outcome.revision) },
          }
        : unexpected(outcome),
    );
  }

  /**
   * Hands a mutation to the cluster and answers with what `toAnswer` makes of its outcome. A client that gave one number to
   * two mutations gets the first one's result for the second: what does not fit is an error of that call, not of the node.
   */
  private submit(
    body: CommandBody,
    fence: Fence | undefined,
    { sessionId, sequence, lowestPending }: Identity,
    reply: Reply,
    toAnswer: (outcome: Result | Failure) => Answer,
  ): void {
    this.node.submit({ sessionId, sequence, lowestPending, fence, body }, (outcome) => {
      let answer: Answer;
      try {
        answer = toAnswer(outcome);
      } catch (thrown) {
        answer = failed(problemOf(thrown));
      }
      reply(answer);
    });
  }

  private get(request: GetRequest, reply: Reply, gate: ReadGate): void {
    const range = toGet(request);
    this.whenFresh(request, reply, gate, () => {
      const result = this.node.machine.read(range);
      if (result.kind === "error") reply(failed(result));
      else reply({ case: "get", value: toGetResponse(result, new AnswerRoom()) });
    });
  }

  private list(request: ListRequest, reply: Reply, gate: ReadGate): void {
    const range = toList(request);
    this.whenFresh(request, reply, gate, () => {
      const result = readBounded(this.node.machine, range, bounds.answerBytesMax);
      if (result.kind === "error") reply(failed(result));
      else reply({ case: "list", value: toListResponse(result, new AnswerRoom()) });
    });
  }

  private whenFresh(request: GetRequest | ListRequest, reply: Reply, gate: ReadGate, read: () => void): void {
    const fresh = (failure?: Failure): void => {
      if (failure === undefined) gate(read);
      else reply(failed(failure));
    };
    if (request.consistency === Consistency.SERIALIZABLE) {
      this.node.readAt(revision(request.minRevision), this.minRevisionWaitMs, fresh);
    } else {
      this.node.read(fresh);
    }
  }

  private keepAlive(request: KeepAliveRequest, reply: Reply): void {
    if (request.leaseIds.length > bounds.keepAliveLeasesMax) {
      throw new RequestError(
        "TOO_LARGE",
        `one call may keep ${bounds.keepAliveLeasesMax} leases alive; this one names ${request.leaseIds.length}`,
      );
    }
    this.node.renewLeases(request.leaseIds.map(leaseId), false, (outcome) => {
      if ("kind" in outcome) reply(failed(outcome));
      else {
        reply({
          case: "keepAlive",
          value: { $typeName: "quorate.v1.KeepAliveResponse", ttlsMs: outcome.map(BigInt) },
        });
      }
    });
  }

  private timeToLive(request: TimeToLiveRequest, reply: Reply): void {
    const id = leaseId(request.leaseId);
    const after = request.after === "" ? "" : keyOf(request.after);
    const limit = limitWithin(request.limit, Number.MAX_SAFE_INTEGER);
    this.node.renewLeases([id], true, (outcome) => {
      if ("kind" in outcome) {
        reply(failed(outcome));
        return;
      }
      const lease = this.node.machine.leaseInfo(id);
      const remainingMs = outcome[0] ?? 0;
      const keys = request.keys && lease !== undefined ? [...lease.keys()].filter((key) => key > after) : [];
      const paths = pathsWithin(new AnswerRoom(), keys.sort(), limit);
      reply({
        case: "timeToLive",
        value: {
          $typeName: "quorate.v1.TimeToLiveResponse",
          remainingMs: remainingMs === 0 ? -1n : BigInt(remainingMs),
          grantedTtlMs: BigInt(lease?.ttlMs ?? 0),
          paths,
          more: paths.length < keys.length,
          session: lease?.isSession ?? false,
          keyCount: BigInt(lease?.keyCount ?? 0),
        },
      });
    });
  }
}

function pathsWithin(room: AnswerRoom, keys: readonly Key[], limit: number): string[] {
  const end = keys.findIndex((key, at) => at >= limit || !room.take(key.length + 8));
  return (end === -1 ? keys : keys.slice(0, end)).map(pathOf);
}

export function failed(problem: Problem): Answer {
  return { case: "error", value: toWireError(problem) };
}

function unexpected(outcome: Result | Failure): Answer {
  if (outcome.kind === "error" || outcome.kind === "failure") return failed(outcome);
  return failed(new RequestError("INTERNAL", `a command returned ${outcome.kind}`));
}
