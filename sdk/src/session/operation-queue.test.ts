import { ErrorCode, type OperationResult, type Error as WireError } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import { Cancelled, NoQuorum, type QuorateError } from "../errors/quorate-error.js";
import { deleteRequest, getRequest, putRequest } from "../kv/request.js";
import { wireError } from "./fake-store.test-server.js";
import type { OperationRequest } from "./operation.js";
import { OperationQueue, type PendingOperation } from "./operation-queue.js";

const put: OperationRequest = { case: "put", value: putRequest("/a", "1", {}, undefined, 0) };
const get: OperationRequest = { case: "get", value: getRequest("/a", {}) };

class Harness {
  readonly queue = new OperationQueue({
    mutationId: (sequence) => ({ sessionId: 7, sequence }),
    pendingMax: 100,
    doubtSpanMax: 10,
    backoff: { baseMs: 10, maxMs: 100 },
    random: () => 0.5,
  });
  readonly errors: QuorateError[] = [];
  readonly done: string[] = [];

  add(request: OperationRequest, timeoutMs = 1_000, nowMs = 0): PendingOperation {
    return this.queue.add(
      {
        request,
        bytes: 100,
        timeoutMs,
        succeed: (response) => this.done.push(response.case),
        fail: (error) => this.errors.push(error),
      },
      nowMs,
    );
  }

  take(stream: object): number[] {
    return this.queue.take(stream, 1_000, 1_000_000, 0).map((operation) => Number(operation.sequence));
  }

  answer(stream: object, operation: PendingOperation, error: WireError, nowMs = 0): void {
    this.queue.answer(stream, [result(operation.sequence, { case: "error", value: error })], nowMs);
  }

  succeed(stream: object, operation: PendingOperation): void {
    const value = { $typeName: "quorate.v1.PutResponse" as const, revision: 1n, path: "/a" };
    this.queue.answer(stream, [result(operation.sequence, { case: "put", value })], 0);
  }
}

function result(sequence: number, value: OperationResult["result"]): OperationResult {
  return { $typeName: "quorate.v1.OperationResult", sequence: BigInt(sequence), result: value };
}

const errorCodes = Object.values(ErrorCode).filter(
  (code): code is ErrorCode => typeof code === "number" && code > 0,
);

describe("the operation queue", () => {
  it("numbers operations from 1 and hands each out once", () => {
    const harness = new Harness();
    harness.add(put);
    harness.add(get);
    const stream = {};
    expect(harness.take(stream)).toEqual([1, 2]);
    expect(harness.take(stream)).toEqual([]);
  });

  it("cuts batches by number and by bytes, but never to nothing", () => {
    const harness = new Harness();
    for (let i = 0; i < 5; i++) harness.add(put);
    expect(harness.queue.take({}, 2, 10_000, 0)).toHaveLength(2);
    expect(harness.queue.take({}, 10, 250, 0)).toHaveLength(2);
    expect(harness.queue.take({}, 10, 1, 0)).toHaveLength(1);
  });

  it("states the lowest sequence still waited for, past those answered or given up and settled", () => {
    const harness = new Harness();
    const operations = [harness.add(put), harness.add(put), harness.add(put)];
    const stream = {};
    harness.take(stream);
    const [first, second, third] = operations;
    if (first === undefined || second === undefined || third === undefined) throw new Error("unreachable");
    harness.succeed(stream, second);
    expect(harness.queue.lowestPending).toBe(1);
    harness.queue.giveUp(first, new Cancelled("enough"));
    expect(harness.queue.lowestPending).toBe(1);
    harness.queue.settleDoubt(first.sequence);
    expect(harness.queue.lowestPending).toBe(3);
    harness.succeed(stream, third);
    expect(harness.queue.lowestPending).toBe(4);
  });

  it("keeps what is in doubt from being forgotten until it is settled, or too much has followed", () => {
    const harness = new Harness();
    const stream = {};
    const doubtful = harness.add(put);
    harness.take(stream);
    harness.queue.giveUp(doubtful, new Cancelled("enough"));
    expect(harness.errors).toEqual([
      expect.objectContaining({ code: "OUTCOME_UNKNOWN", mutation: { sessionId: 7, sequence: 1 } }),
    ]);
    const answered = (): void => {
      const operation = harness.add(put);
      harness.take(stream);
      harness.succeed(stream, operation);
    };
    for (let i = 0; i < 9; i++) answered();
    expect(harness.queue.lowestPending).toBe(1);
    answered();
    expect(harness.queue.lowestPending).toBe(12);
  });

  it("holds nothing back for what certainly did not happen, nor for a read", () => {
    const harness = new Harness();
    const unsent = harness.add(put);
    harness.queue.giveUp(unsent, new Cancelled("enough"));
    const read = harness.add(get);
    harness.take({});
    harness.queue.giveUp(read, new Cancelled("enough"));
    expect(harness.errors.map((error) => error.code)).toEqual(["CANCELLED", "CANCELLED"]);
    expect(harness.queue.lowestPending).toBe(3);
  });

  it("gives up what is in doubt rather than have a full session refuse the rest", () => {
    const harness = new Harness();
    const stream = {};
    const doubtful = harness.add(put);
    const refused = harness.add(put);
    harness.take(stream);
    harness.queue.giveUp(doubtful, new Cancelled("enough"));
    harness.answer(stream, refused, wireError(ErrorCode.SESSION_FULL), 100);
    expect(harness.queue.lowestPending).toBe(2);
    harness.queue.releaseRetries(200);
    expect(harness.take(stream)).toEqual([2]);
  });

  it.each(errorCodes)(
    "ends a mutation answered with code %i as not happened or as unknown, and never resolves it",
    (code) => {
      const harness = new Harness();
      const stream = {};
      const operation = harness.add(put);
      harness.take(stream);
      harness.answer(stream, operation, wireError(code));
      harness.queue.expire(1_000, undefined);
      const unknown = [ErrorCode.OUTCOME_UNKNOWN, ErrorCode.INTERNAL, ErrorCode.SEQUENCE_FORGOTTEN].includes(
        code,
      );
      expect(harness.done).toEqual([]);
      expect(harness.errors.map(({ outcome }) => outcome)).toEqual([unknown ? "unknown" : "did-not-happen"]);
    },
  );

  it.each([ErrorCode.INVALID_ARGUMENT, ErrorCode.TOO_LARGE, ErrorCode.SESSION_EXPIRED, 999])(
    "does not take a refusal with code %i of a repetition for one of the attempt before it",
    (code) => {
      const harness = new Harness();
      const first = {};
      const second = {};
      const operation = harness.add(put);
      harness.take(first);
      harness.queue.streamEnded(first);
      harness.take(second);
      harness.answer(second, operation, wireError(code));
      expect(harness.errors.map(({ outcome }) => outcome)).toEqual(["unknown"]);
    },
  );

  it("leaves open what an answer without a case means for a mutation", () => {
    const harness = new Harness();
    const stream = {};
    const operation = harness.add(put);
    harness.take(stream);
    harness.queue.answer(stream, [result(operation.sequence, { case: undefined })], 0);
    expect(harness.errors).toEqual([expect.objectContaining({ outcome: "unknown" })]);
  });

  it("hands out again, in order, what a lost stream still owed, but nothing given up", () => {
    const harness = new Harness();
    const stream = {};
    const first = harness.add(put);
    const second = harness.add(put);
    const third = harness.add(put);
    harness.take(stream);
    harness.succeed(stream, first);
    harness.queue.giveUp(second, new Cancelled("enough"));
    harness.queue.streamEnded(stream);
    harness.add(get);
    expect(harness.take({})).toEqual([third.sequence, 4]);
  });

  it("refuses more than its bound", () => {
    const harness = new Harness();
    for (let i = 0; i < 100; i++) harness.add(put);
    expect(() => harness.add(put)).toThrow(expect.objectContaining({ code: "OVERLOADED" }));
  });

  it("retries a transient refusal after a pause, under the same sequence", () => {
    const harness = new Harness();
    const stream = {};
    const operation = harness.add(put);
    harness.take(stream);
    harness.answer(stream, operation, wireError(ErrorCode.NO_QUORUM), 100);
    harness.queue.releaseRetries(101);
    expect(harness.take(stream)).toEqual([]);
    harness.queue.releaseRetries(105);
    expect(harness.take(stream)).toEqual([1]);
  });

  it("fails a mutation never sent with the session's trouble", () => {
    const harness = new Harness();
    harness.add(put);
    harness.queue.expire(1_000, new NoQuorum("no leader"));
    expect(harness.errors).toEqual([
      expect.objectContaining({ code: "NO_QUORUM", outcome: "did-not-happen" }),
    ]);
  });

  it("fails a mutation definitely refused with that refusal", () => {
    const harness = new Harness();
    const stream = {};
    const operation = harness.add(put);
    harness.take(stream);
    harness.answer(stream, operation, wireError(ErrorCode.NO_QUORUM));
    harness.queue.expire(1_000, undefined);
    expect(harness.errors).toEqual([expect.objectContaining({ code: "NO_QUORUM" })]);
  });

  it("does not risk an unknown outcome with an attempt that could hardly be answered in time", () => {
    const harness = new Harness();
    const stream = {};
    const operation = harness.add(put);
    harness.take(stream);
    harness.answer(stream, operation, wireError(ErrorCode.NO_QUORUM), 400);
    expect(harness.errors).toEqual([
      expect.objectContaining({ code: "NO_QUORUM", outcome: "did-not-happen" }),
    ]);
    expect(harness.queue.size).toBe(0);
  });

  it("fails an unanswered mutation with OUTCOME_UNKNOWN and an unanswered read with DEADLINE_EXCEEDED", () => {
    const harness = new Harness();
    harness.add(put);
    harness.add(get);
    harness.take({});
    harness.queue.expire(1_000, undefined);
    expect(harness.errors.map((error) => error.code)).toEqual(["OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED"]);
  });

  it("never forgets that an attempt may have been applied, whatever later attempts are told", () => {
    const harness = new Harness();
    const first = {};
    const second = {};
    const operation = harness.add({ case: "delete", value: deleteRequest("/a", {}, undefined) });
    harness.take(first);
    harness.queue.streamEnded(first);
    harness.take(second);
    harness.answer(second, operation, wireError(ErrorCode.NO_QUORUM));
    harness.queue.expire(1_000, undefined);
    expect(harness.errors).toEqual([
      expect.objectContaining({ code: "OUTCOME_UNKNOWN", outcome: "unknown" }),
    ]);
  });

  it("trusts a verdict of the state machine even after an uncertain attempt", () => {
    const harness = new Harness();
    const first = {};
    const second = {};
    const operation = harness.add(put);
    harness.take(first);
    harness.queue.streamEnded(first);
    harness.take(second);
    harness.answer(second, operation, wireError(ErrorCode.FENCED));
    expect(harness.errors).toEqual([expect.objectContaining({ code: "FENCED" })]);
  });

  it("does not take an expired session's word for an attempt before it", () => {
    const harness = new Harness();
    const first = {};
    const second = {};
    const operation = harness.add(put);
    harness.take(first);
    harness.queue.streamEnded(first);
    harness.take(second);
    harness.answer(second, operation, wireError(ErrorCode.SESSION_EXPIRED));
    expect(harness.errors).toEqual([expect.objectContaining({ code: "OUTCOME_UNKNOWN" })]);
  });

  it("ignores a late answer to what was given up", () => {
    const harness = new Harness();
    const stream = {};
    const operation = harness.add(put);
    harness.take(stream);
    harness.queue.expire(1_000, undefined);
    harness.succeed(stream, operation);
    expect(harness.done).toEqual([]);
    expect(harness.errors).toHaveLength(1);
  });

  it("accepts an answer from a replaced stream, and ignores its refusals", () => {
    const harness = new Harness();
    const old = {};
    const present = {};
    const operation = harness.add(put);
    harness.take(old);
    harness.queue.streamEnded(old);
    harness.take(present);
    harness.answer(old, operation, wireError(ErrorCode.UNAVAILABLE));
    harness.queue.releaseRetries(10_000);
    expect(harness.take(present)).toEqual([]);
    harness.succeed(old, operation);
    expect(harness.done).toEqual(["put"]);
  });
});
