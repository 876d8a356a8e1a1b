import type { Operation, OperationResult } from "@quorate/proto";
import { type BackoffOptions, backoffMs } from "../endpoints/backoff.js";
import { gaveUp } from "../errors/give-up.js";
import { type MutationId, OutcomeUnknown, Overloaded, QuorateError } from "../errors/quorate-error.js";
import { isTransient } from "../errors/wire-error.js";
import {
  isMutation,
  leavesOpen,
  type OperationRequest,
  type OperationResponse,
  responseOf,
} from "./operation.js";

/** Identity of a stream operations are sent on. */
export type StreamId = object;

/** One operation that has no final answer yet. */
export interface PendingOperation {
  readonly sequence: number;
  readonly request: OperationRequest;
  readonly bytes: number;
  /** When its caller gives up, on the queue's clock. */
  readonly deadlineMs: number;
  /** Deadline minus start, for messages. */
  readonly timeoutMs: number;
  succeed: (response: OperationResponse) => void;
  fail: (error: QuorateError) => void;
  /** The stream that owes an answer; undefined when none does. */
  stream: StreamId | undefined;
  /** Whether some attempt may have been applied though no answer said so. Once true it stays true. */
  uncertain: boolean;
  /** When it was last handed to a stream. */
  sentAtMs: number;
  /** Answers that asked to retry. */
  retries: number;
  /** When to send it again; 0 when it waits for no such time. */
  retryAtMs: number;
  /** What the last such answer said. */
  trouble: QuorateError | undefined;
  /** Whether it left the queue. */
  settled: boolean;
}

/** Time left to its deadline that a mutation needs at least for another attempt, in milliseconds. */
const lastRetryMarginMs = 100;

/** What {@link OperationQueue} is made of. */
export interface OperationQueueOptions {
  /** Names a mutation of the session that the operations belong to. */
  readonly mutationId: (sequence: number) => MutationId;
  readonly pendingMax: number;
  /** Operations after one in doubt for which its result is still kept; less than `pendingMax`. */
  readonly doubtSpanMax: number;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
}

/** What to enqueue. */
export interface OperationSpec {
  readonly request: OperationRequest;
  readonly bytes: number;
  readonly timeoutMs: number;
  readonly succeed: (response: OperationResponse) => void;
  readonly fail: (error: QuorateError) => void;
}

/** What became of a reply. */
export interface Answered {
  /** Operations that ended. */
  readonly settled: number;
  /** The last NO_QUORUM or UNAVAILABLE among the answers. */
  readonly trouble: QuorateError | undefined;
  /** That the session does not exist any more, if an answer said so. */
  readonly expired: QuorateError | undefined;
}

/**
 * The operations of a session: numbers them, hands them out in batches, and keeps each until its final answer. It
 * knows no stream and no clock; both arrive as arguments.
 *
 * An operation is in one of three places: waiting to be sent (in `#ready`), owed by a stream (`stream` set), or
 * waiting for its retry (`retryAtMs` set). One whose caller gave up leaves for good and is never sent again.
 *
 * Invariant: `lowestPending` is above no sequence that is pending, and above none in doubt, that is of a mutation that
 * was given up and may have been applied, before somebody settled it or `doubtSpanMax` operations followed. So the
 * servers keep its result for as long as it may be asked for. What `lowestPending` has passed, the servers refuse: a
 * copy still on its way then comes to nothing.
 */
export class OperationQueue {
  readonly #options: OperationQueueOptions;
  /** By sequence, and in its order, since sequences only rise. */
  readonly #pending = new Map<number, PendingOperation>();
  /** Sequences of mutations that were given up, or answered unreadably, and may have been applied. */
  readonly #doubts = new Set<number>();
  #ready: PendingOperation[] = [];
  #readyHead = 0;
  #nextSequence = 1;
  #lowest = 1;
  /** No pending operation's deadline is before this. */
  #earliestDeadlineMs = Number.POSITIVE_INFINITY;
  /** No retry is due before this. */
  #earliestRetryMs = Number.POSITIVE_INFINITY;

  constructor(options: OperationQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether operations wait to be sent. */
  get hasReady(): boolean {
    return this.#readyHead < this.#ready.length;
  }

  /** The sequence that the next operation gets. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  isPending(sequence: number): boolean {
    return this.#pending.has(sequence);
  }

  /** The lowest sequence still waited for or in doubt; the next one to be given when there is none. */
  get lowestPending(): number {
    while (this.#lowest < this.#nextSequence && !this.#isHeld(this.#lowest)) this.#lowest += 1;
    return this.#lowest;
  }

  #isHeld(sequence: number): boolean {
    if (this.#pending.has(sequence)) return true;
    if (!this.#doubts.has(sequence)) return false;
    if (this.#nextSequence - sequence <= this.#options.doubtSpanMax) return true;
    this.#doubts.delete(sequence);
    return false;
  }

  /** The answer to a mutation said nothing of what became of it: its result is to be kept, to be asked for. */
  doubt(sequence: number): void {
    this.#doubts.add(sequence);
  }

  /** Nobody will ask any more what became of a mutation: `lowestPending` may pass it. */
  settleDoubt(sequence: number): void {
    this.#doubts.delete(sequence);
  }

  /** Whether too many operations are pending for one more. */
  get isFull(): boolean {
    // Not the number of pending ones alone: a server keeps a result for every sequence above the lowest pending one.
    return this.#nextSequence - this.lowestPending >= this.#options.pendingMax;
  }

  /** Why an operation is refused while the queue is full. */
  overloaded(): Overloaded {
    return new Overloaded(`${this.#pending.size} operations are pending on this client: slow down`);
  }

  /** Takes an operation in. Throws Overloaded when too many are pending. */
  add(spec: OperationSpec, nowMs: number): PendingOperation {
    if (this.isFull) throw this.overloaded();
    const deadlineMs = nowMs + spec.timeoutMs;
    const operation: PendingOperation = {
      sequence: this.#nextSequence++,
      request: spec.request,
      bytes: spec.bytes,
      deadlineMs,
      timeoutMs: spec.timeoutMs,
      succeed: spec.succeed,
      fail: spec.fail,
      stream: undefined,
      uncertain: false,
      sentAtMs: 0,
      retries: 0,
      retryAtMs: 0,
      trouble: undefined,
      settled: false,
    };
    this.#pending.set(operation.sequence, operation);
    this.#ready.push(operation);
    if (deadlineMs < this.#earliestDeadlineMs) this.#earliestDeadlineMs = deadlineMs;
    return operation;
  }

  /** The next batch for a stream, which from now on owes the answers. Never empty while `hasReady`, but for given-up ones. */
  take(stream: StreamId, operationsMax: number, bytesMax: number, nowMs: number): Operation[] {
    const batch: Operation[] = [];
    let bytes = 0;
    while (this.#readyHead < this.#ready.length && batch.length < operationsMax) {
      const operation = this.#ready[this.#readyHead];
      if (operation === undefined) break;
      if (batch.length > 0 && bytes + operation.bytes > bytesMax) break;
      this.#readyHead += 1;
      if (operation.settled) continue;
      operation.stream = stream;
      operation.sentAtMs = nowMs;
      bytes += operation.bytes;
      batch.push({
        $typeName: "quorate.v1.Operation",
        sequence: BigInt(operation.sequence),
        operation: operation.request,
      });
    }
    if (this.#readyHead === this.#ready.length) {
      this.#ready = [];
      this.#readyHead = 0;
    } else if (this.#readyHead > 4_096) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
    return batch;
  }

  /** Settles what a stream answered, or schedules its retry. Answers to what is not pending are ignored. */
  answer(stream: StreamId, results: readonly OperationResult[], nowMs: number): Answered {
    let settled = 0;
    let trouble: QuorateError | undefined;
    let expired: QuorateError | undefined;
    for (const { sequence, result } of results) {
      const operation = this.#pending.get(Number(sequence));
      if (operation === undefined) continue;
      const response = responseOf(result);
      if (!(response instanceof QuorateError)) {
        this.#settle(operation);
        operation.succeed(response);
        settled += 1;
      } else if (isTransient(response)) {
        if (response.code === "NO_QUORUM" || response.code === "UNAVAILABLE") trouble = response;
        // Results kept for somebody who may ask must not be what keeps the session from working.
        if (response.code === "SESSION_FULL") this.#doubts.clear();
        this.#retryLater(operation, stream, response, nowMs);
      } else {
        if (response.code === "SESSION_EXPIRED") expired = response;
        this.#fail(operation, this.#finalError(operation, response));
        settled += 1;
      }
    }
    return { settled, trouble, expired };
  }

  #retryLater(operation: PendingOperation, stream: StreamId, error: QuorateError, nowMs: number): void {
    if (error.code === "OUTCOME_UNKNOWN") operation.uncertain = true;
    // Another stream owes the answer by now: this one's refusal changes nothing.
    if (operation.stream !== stream) return;
    operation.stream = undefined;
    operation.trouble = error;
    // At least 1 ms, so that `retryAtMs` is never the 0 that means none.
    operation.retryAtMs =
      nowMs + Math.max(1, backoffMs(operation.retries, this.#options.backoff, this.#options.random));
    operation.retries += 1;
    if (!operation.uncertain && isMutation(operation.request)) {
      // Up to here nothing happened, for sure. An attempt whose answer can hardly come in time would only turn that
      // into an unknown outcome.
      const answerMs =
        2 * (nowMs - operation.sentAtMs) + Math.min(lastRetryMarginMs, operation.timeoutMs / 4);
      if (operation.retryAtMs + answerMs > operation.deadlineMs) {
        this.giveUp(operation, deadlineError(operation, error));
        return;
      }
    }
    if (operation.retryAtMs < this.#earliestRetryMs) this.#earliestRetryMs = operation.retryAtMs;
  }

  /** A stream is gone: whatever it still owed waits to be sent again, under the same sequences and in their order. */
  streamEnded(stream: StreamId): void {
    const ready: PendingOperation[] = [];
    for (const operation of this.#pending.values()) {
      if (operation.stream === stream) {
        operation.stream = undefined;
        operation.uncertain = true;
      }
      if (operation.stream === undefined && operation.retryAtMs === 0) ready.push(operation);
    }
    this.#ready = ready;
    this.#readyHead = 0;
  }

  /** Whether a stream still owes an answer. */
  owes(stream: StreamId): boolean {
    for (const operation of this.#pending.values()) if (operation.stream === stream) return true;
    return false;
  }

  /** Moves the operations whose pause is over to those ready to be sent. */
  releaseRetries(nowMs: number): void {
    if (nowMs < this.#earliestRetryMs) return;
    this.#earliestRetryMs = Number.POSITIVE_INFINITY;
    for (const operation of this.#pending.values()) {
      if (operation.retryAtMs === 0) continue;
      if (operation.retryAtMs <= nowMs) {
        operation.retryAtMs = 0;
        this.#ready.push(operation);
      } else if (operation.retryAtMs < this.#earliestRetryMs) {
        this.#earliestRetryMs = operation.retryAtMs;
      }
    }
  }

  /** Fails the operations whose deadline passed. `trouble` is what keeps the session itself from working, if anything. */
  expire(nowMs: number, trouble: QuorateError | undefined): void {
    if (nowMs < this.#earliestDeadlineMs) return;
    this.#earliestDeadlineMs = Number.POSITIVE_INFINITY;
    for (const operation of this.#pending.values()) {
      if (operation.deadlineMs <= nowMs) this.giveUp(operation, deadlineError(operation, trouble));
      else if (operation.deadlineMs < this.#earliestDeadlineMs) {
        this.#earliestDeadlineMs = operation.deadlineMs;
      }
    }
  }

  /** An operation could not be made part of a message, and never will be: it alone fails. */
  unsendable(sequence: number, reason: QuorateError): void {
    const operation = this.#pending.get(sequence);
    if (operation === undefined) return;
    operation.stream = undefined;
    this.giveUp(operation, reason);
  }

  /** Fails one operation before its answer: with OutcomeUnknown when it may have been applied, else with `reason`. */
  giveUp(operation: PendingOperation, reason: QuorateError): void {
    if (operation.settled) return;
    this.#fail(operation, this.#givenUpError(operation, reason));
  }

  #fail(operation: PendingOperation, error: QuorateError): void {
    // In this order: at no time is the sequence neither pending nor in doubt.
    if (error instanceof OutcomeUnknown) this.#doubts.add(operation.sequence);
    this.#settle(operation);
    operation.fail(error);
  }

  /** Gives up every operation. */
  giveUpAll(reason: QuorateError): void {
    for (const operation of [...this.#pending.values()]) this.giveUp(operation, reason);
    this.#ready = [];
    this.#readyHead = 0;
  }

  #settle(operation: PendingOperation): void {
    operation.settled = true;
    this.#pending.delete(operation.sequence);
  }

  #givenUpError(operation: PendingOperation, reason: QuorateError): QuorateError {
    const mayHaveHappened = operation.uncertain || operation.stream !== undefined;
    if (!mayHaveHappened || !isMutation(operation.request)) return reason;
    return this.#unknown(operation, "sent, but no answer says whether it was applied", reason);
  }

  /**
   * The error of a final answer. After an attempt of unknown outcome only the verdicts of the state machine decide:
   * a session remembers them with the sequence. Any other refusal speaks for its own attempt alone.
   */
  #finalError(operation: PendingOperation, error: QuorateError): QuorateError {
    if (!isMutation(operation.request)) return error;
    if (leavesOpen(error)) return this.#unknown(operation, "the answer leaves open what happened", error);
    if (!operation.uncertain || isVerdict(error)) return error;
    return this.#unknown(operation, "an earlier attempt may have been applied", error);
  }

  #unknown({ request, sequence }: PendingOperation, why: string, cause: QuorateError): OutcomeUnknown {
    const mutation = this.#options.mutationId(sequence);
    return new OutcomeUnknown(`${request.case}: ${why}: ${cause.message}`, { cause, mutation });
  }
}

/** Whether the state machine said so, and keeps saying so of this sequence. */
function isVerdict({ code }: QuorateError): boolean {
  switch (code) {
    case "FENCED":
    case "LEASE_NOT_FOUND":
    case "LEASE_EXISTS":
    case "QUOTA_EXCEEDED":
    case "SPACE_EXCEEDED":
    case "LEASES_EXCEEDED":
    case "KEY_NOT_FOUND":
      return true;
    default:
      return false;
  }
}

function deadlineError(operation: PendingOperation, trouble: QuorateError | undefined): QuorateError {
  const timeout = `gave up after ${Math.round(operation.timeoutMs)} ms`;
  // A stream that owes an answer is slow, not refusing: what it last refused explains nothing unless the session is
  // in trouble too.
  const reason = operation.stream === undefined ? (operation.trouble ?? trouble) : trouble;
  return gaveUp(`${operation.request.case}: ${timeout}`, reason);
}
