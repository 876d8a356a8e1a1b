import { ILLEGAL, type Machine, type Model, type Operation } from "./model.js";

/**
 * A call on a register. Values are compared by their text: a caller with typed values passes canonical JSON, in which
 * the register's first value is `null`.
 */
export type RegisterCall =
  | { readonly f: "read"; readonly key: string; readonly value: string }
  | { readonly f: "write"; readonly key: string; readonly value: string }
  | {
      readonly f: "cas";
      readonly key: string;
      readonly from: string;
      readonly to: string;
      /** Whether the comparison held; undefined when nobody knows. */
      readonly succeeded: boolean | undefined;
    };

/** The text of a register's value before the first write. */
export const REGISTER_INITIAL = "null";

const UNOBSERVED = 0;

type Step =
  | { readonly kind: "expect"; readonly value: number }
  | { readonly kind: "differ"; readonly value: number }
  | { readonly kind: "set"; readonly value: number }
  | { readonly kind: "exchange"; readonly from: number; readonly to: number };

function observedValues(operations: readonly Operation<RegisterCall>[]): Set<string> {
  const observed = new Set<string>();
  for (const { call } of operations) {
    if (call.f === "read") observed.add(call.value);
    if (call.f === "cas") observed.add(call.from);
  }
  return observed;
}

/**
 * Two kinds of operation are left out.
 *
 * Indeterminate reads: they promise nothing and change nothing.
 *
 * An indeterminate write of a value v that nobody observed: no read returned v, no compare-and-swap compares with v,
 * and no compare-and-swap whose comparison was false completed after the write was invoked. Suppose the history is
 * linearizable with the write in effect. Up to the next operation that sets the register, its successors find v
 * there. None of them is a read (it would have returned v), a compare-and-swap that succeeded or is indeterminate and
 * takes effect (it would compare with v), or one that failed (excluded). So nothing at all observes the register
 * before it is set again, and the same order without the write is legal too. The converse is trivial: an
 * indeterminate write need not happen. A failed comparison matters since v could be what made it fail.
 */
function prune(operations: readonly Operation<RegisterCall>[]): Operation<RegisterCall>[] {
  const observed = observedValues(
    operations.filter((o) => o.completedAt !== undefined || o.call.f !== "read"),
  );
  let lastFailedComparison = Number.NEGATIVE_INFINITY;
  for (const { call, completedAt } of operations) {
    if (call.f === "cas" && call.succeeded === false && completedAt !== undefined) {
      lastFailedComparison = Math.max(lastFailedComparison, completedAt);
    }
  }
  return operations.filter(({ call, completedAt, invokedAt }) => {
    if (completedAt !== undefined) return true;
    if (call.f === "read") return false;
    return call.f === "cas" || observed.has(call.value) || invokedAt < lastFailedComparison;
  });
}

function compile(operations: readonly Operation<RegisterCall>[]): Machine {
  // All values that nobody observed are one state: a read or a successful comparison is illegal in each of them, a
  // failed comparison legal in each, and a write leads to the same state from each.
  const states = new Map<string, number>();
  for (const value of observedValues(operations)) states.set(value, UNOBSERVED + 1 + states.size);
  const stateOf = (value: string): number => states.get(value) ?? UNOBSERVED;

  const classes = new Map<string, number>();
  const classOfOp = new Int32Array(operations.length);
  const steps: Step[] = [];
  for (const [op, { call }] of operations.entries()) {
    const step = stepOf(call, stateOf);
    steps.push(step);
    const text =
      step.kind === "exchange" ? `${step.kind} ${step.from} ${step.to}` : `${step.kind} ${step.value}`;
    let found = classes.get(text);
    if (found === undefined) {
      found = classes.size;
      classes.set(text, found);
    }
    classOfOp[op] = found;
  }

  return {
    initial: stateOf(REGISTER_INITIAL),
    unobserved: UNOBSERVED,
    step: (state, op) => {
      const step = steps[op];
      if (step === undefined) return ILLEGAL;
      switch (step.kind) {
        case "expect":
          return state === step.value ? state : ILLEGAL;
        case "differ":
          return state === step.value ? ILLEGAL : state;
        case "set":
          return step.value;
        case "exchange":
          return state === step.from ? step.to : ILLEGAL;
      }
    },
    readOnly: (op) => steps[op]?.kind === "expect" || steps[op]?.kind === "differ",
    classOf: (op) => classOfOp[op] ?? 0,
  };
}

function stepOf(call: RegisterCall, stateOf: (value: string) => number): Step {
  switch (call.f) {
    case "read":
      return { kind: "expect", value: stateOf(call.value) };
    case "write":
      return { kind: "set", value: stateOf(call.value) };
    case "cas":
      // An indeterminate one whose comparison is false has no effect, so only the exchange is worth a step.
      if (call.succeeded === false) return { kind: "differ", value: stateOf(call.from) };
      return { kind: "exchange", from: stateOf(call.from), to: stateOf(call.to) };
  }
}

function describe(call: RegisterCall): string {
  switch (call.f) {
    case "read":
      return `read -> ${call.value}`;
    case "write":
      return `write ${call.value}`;
    case "cas": {
      const outcome = call.succeeded === undefined ? "unknown" : call.succeeded ? "swapped" : "not equal";
      return `cas ${call.from} to ${call.to} -> ${outcome}`;
    }
  }
}

function describeStateAfter(calls: readonly RegisterCall[]): string {
  let value = REGISTER_INITIAL;
  for (const call of calls) {
    if (call.f === "write") value = call.value;
    // Of those with an unknown outcome only one that swapped is in an order.
    else if (call.f === "cas" && call.succeeded !== false) value = call.to;
  }
  return value;
}

/** Registers, one per key: read, write and compare-and-swap, starting at {@link REGISTER_INITIAL}. */
export const registerModel: Model<RegisterCall> = {
  name: "register",
  partition: (call) => call.key,
  prune,
  compile,
  describe,
  describeStateAfter,
};
