import type { Operation } from "../models/model.js";
import { parseEvents } from "./event.js";
import { type Invocation, pairEvents } from "./invocation.js";

/** What became of an operation whose call is to be decoded. */
export type Outcome = "ok" | "unknown";

/**
 * Turns an invocation into a call of a model. With outcome `unknown` only the invocation counts. Throws a
 * HistoryError for a function the model does not have or a value it cannot take.
 */
export type DecodeCall<Call> = (invocation: Invocation, outcome: Outcome) => Call;

/** A history ready for a checker. */
export interface History<Call> {
  /** The operations that happened or may have; their times are line numbers. */
  readonly operations: readonly Operation<Call>[];
  /** Every operation of the file; an operation's `id` is its position here. */
  readonly invocations: readonly Invocation[];
}

/** Reads a history file's text for a model. Throws a HistoryError with the line and what was expected. */
export function readHistory<Call>(text: string, decode: DecodeCall<Call>): History<Call> {
  const invocations = pairEvents(parseEvents(text));
  const operations: Operation<Call>[] = [];
  for (const [id, invocation] of invocations.entries()) {
    const { completion, line } = invocation;
    const type = completion?.event.type ?? "info";
    const call = decode(invocation, type === "ok" ? "ok" : "unknown");
    // One that did not happen is decoded all the same, so that a malformed line never goes unnoticed.
    if (type === "fail") continue;
    const completedAt = type === "ok" ? completion?.line : undefined;
    operations.push({ id, call, invokedAt: line, completedAt });
  }
  return { operations, invocations };
}
