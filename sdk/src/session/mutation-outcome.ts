import { grpcServiceDefinition, type OutcomeResponse, SessionService, Verdict } from "@quorate/proto";
import type { CallOptions } from "../client/options.js";
import { Internal, InvalidArgument, type MutationId, QuorateError } from "../errors/quorate-error.js";
import { errorOfWire } from "../errors/wire-error.js";
import {
  type DeleteOutcome,
  deleteOutcome,
  type PutOutcome,
  putOutcome,
  type TxnOutcome,
  txnOutcome,
} from "../kv/outcome.js";
import { int64 } from "../kv/request.js";
import { type OperationResponse, responseOf } from "./operation.js";
import type { Session } from "./session.js";
import type { UnaryRunner } from "./unary-runner.js";

const { outcome: method } = grpcServiceDefinition(SessionService);

/** The result of a mutation that was applied. A put or delete on a condition is a transaction. */
export type MutationResult =
  | ({ readonly kind: "put" } & PutOutcome)
  | ({ readonly kind: "delete" } & DeleteOutcome)
  /** A `get` of a transaction comes as a list of at most one node. */
  | ({ readonly kind: "txn" } & TxnOutcome)
  | { readonly kind: "grant"; readonly lease: number; readonly ttlMs: number }
  | { readonly kind: "revoke"; readonly revision: number };

/** What became of a mutation that was given up. */
export type MutationOutcome =
  | { readonly kind: "applied"; readonly result: MutationResult }
  /** It was not applied and never will be; `refusal` is why, where the servers refused it. */
  | { readonly kind: "not-applied"; readonly refusal: QuorateError | undefined }
  /**
   * Nobody knows any more: the session ended, or its result was not kept, because somebody asked before or the client
   * went on for too long. If it was not applied by now, it never will be.
   */
  | { readonly kind: "forgotten" };

/**
 * Asks what became of a mutation. The answer is final, and the asking makes it so: a mutation that has not been applied
 * by then is not applied any more. So the question may be repeated, and is no mutation in the sense of errors.
 */
export async function outcomeOf(
  mutation: MutationId,
  session: Session | undefined,
  unary: UnaryRunner,
  options: CallOptions,
): Promise<MutationOutcome> {
  const { history } = mutation;
  const own = session?.isOwn(mutation) ? session : undefined;
  if (own !== undefined) checkGivenUp(own, mutation.sequence);
  const request = {
    $typeName: "quorate.v1.OutcomeRequest" as const,
    sessionId: int64("mutation.sessionId", mutation.sessionId),
    sequence: int64("mutation.sequence", mutation.sequence),
  };
  const response = await unary.call({ method, request, mutation: false }, { ...options, history });
  const outcome = outcomeFrom(response);
  // Now that it is known, the servers need not keep the result.
  own?.settleDoubt(mutation.sequence);
  return outcome;
}

/** Asking takes the place of what was not applied: under way it would be lost, and one to come with it. */
function checkGivenUp(session: Session, sequence: number): void {
  if (!session.isPending(sequence) && sequence < session.nextSequence) return;
  throw new InvalidArgument(`outcome: sequence ${sequence} of this session was not given up: await its call`);
}

function outcomeFrom({ verdict, result, refusal }: OutcomeResponse): MutationOutcome {
  switch (verdict) {
    case Verdict.APPLIED: {
      const response = responseOf(result?.result ?? { case: undefined });
      if (response instanceof QuorateError) throw response;
      return { kind: "applied", result: resultFrom(response) };
    }
    case Verdict.NOT_APPLIED:
      return { kind: "not-applied", refusal: refusal === undefined ? undefined : errorOfWire(refusal) };
    case Verdict.FORGOTTEN:
      return { kind: "forgotten" };
    default:
      throw new Internal(`outcome: this client does not know the verdict ${String(verdict)}`);
  }
}

function resultFrom(response: OperationResponse): MutationResult {
  switch (response.case) {
    case "put":
      return { kind: "put", ...putOutcome(response.value) };
    case "delete":
      return { kind: "delete", ...deleteOutcome(response.value) };
    case "txn":
      return { kind: "txn", ...txnOutcome(response.value) };
    case "grant": {
      const { leaseId, ttlMs } = response.value;
      return { kind: "grant", lease: Number(leaseId), ttlMs: Number(ttlMs) };
    }
    case "revoke":
      return { kind: "revoke", revision: Number(response.value.revision) };
    default:
      throw new Internal(`protocol violation: a ${response.case} is the result of a mutation`);
  }
}
