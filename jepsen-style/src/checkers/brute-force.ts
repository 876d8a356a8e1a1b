import type { AppendCall } from "../models/append.js";
import type { Operation } from "../models/model.js";
import { REGISTER_INITIAL, type RegisterCall } from "../models/register.js";

/** The plain meaning of a call: the value after it, or undefined when it cannot have returned what it did. */
export type Meaning<Call> = (value: string, call: Call) => string | undefined;

/** What a register does, written down a second time and without any cleverness. */
export const registerMeaning: Meaning<RegisterCall> = (value, call) => {
  switch (call.f) {
    case "read":
      return value === call.value ? value : undefined;
    case "write":
      return call.value;
    case "cas": {
      const held = value === call.from;
      if (call.succeeded !== undefined && call.succeeded !== held) return undefined;
      return held ? call.to : value;
    }
  }
};

/** What an appendable string does, likewise. */
export const appendMeaning: Meaning<AppendCall> = (value, call) => {
  switch (call.f) {
    case "get":
      return value === call.value ? value : undefined;
    case "put":
      return call.value;
    case "append":
      return value + call.value;
  }
};

/** First values of the two kinds of object. */
export const INITIAL_VALUES = { register: REGISTER_INITIAL, append: "" };

/**
 * The definition of linearizability, by trying every order of every subset. The yardstick for the real search: for
 * histories on one object of at most about eight operations.
 */
export function isLinearizableByDefinition<Call extends { readonly f: string }>(
  meaning: Meaning<Call>,
  initial: string,
  operations: readonly Operation<Call>[],
): boolean {
  const remaining = operations.filter(
    ({ call, completedAt }) => completedAt !== undefined || (call.f !== "read" && call.f !== "get"),
  );
  const place = (value: string, left: readonly Operation<Call>[]): boolean => {
    if (left.every(({ completedAt }) => completedAt === undefined)) return true;
    return left.some((candidate) => {
      const comesTooEarly = left.some(
        ({ completedAt }) => completedAt !== undefined && completedAt < candidate.invokedAt,
      );
      if (comesTooEarly) return false;
      const after = meaning(value, candidate.call);
      return (
        after !== undefined &&
        place(
          after,
          left.filter((o) => o !== candidate),
        )
      );
    });
  };
  return place(initial, remaining);
}
