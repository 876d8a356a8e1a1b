import { ILLEGAL, type Machine, type Model, type Operation } from "./model.js";

/** A call on a string that starts empty. */
export type AppendCall =
  | { readonly f: "get"; readonly key: string; readonly value: string }
  | { readonly f: "put"; readonly key: string; readonly value: string }
  | { readonly f: "append"; readonly key: string; readonly value: string };

const UNOBSERVED = 0;

/** How much of a string an explanation shows, in characters from its end: enough to see the last appends. */
const SHOWN_CHARACTERS_MAX = 80;

function observedOutputs(operations: readonly Operation<AppendCall>[]): string[] {
  const outputs = new Set<string>();
  for (const { call, completedAt } of operations) {
    if (call.f === "get" && completedAt !== undefined) outputs.add(call.value);
  }
  return [...outputs].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Three kinds of operation are left out.
 *
 * Indeterminate gets: they promise nothing and change nothing.
 *
 * An indeterminate append of x where no get returned a string that contains x. If it took effect, every get up to the
 * next put would return a string that contains x; so there is none, and up to that put there are only appends, which
 * are legal in every state. The same order without it is legal too, as the put forgets what was there.
 *
 * An indeterminate put of x where no get returned a string that begins with x: the same, as every get up to the next
 * put would return a string that begins with x.
 */
function prune(operations: readonly Operation<AppendCall>[]): Operation<AppendCall>[] {
  const outputs = observedOutputs(operations);
  return operations.filter(({ call, completedAt }) => {
    if (completedAt !== undefined) return true;
    if (call.f === "append") return outputs.some((output) => output.includes(call.value));
    return call.f === "put" && outputs.some((output) => output.startsWith(call.value));
  });
}

/**
 * The prefixes of the strings that gets returned, numbered. A string that is a prefix of none of them can only grow
 * into others that are prefixes of none, and every get is illegal in it, so all such strings are one state.
 *
 * With the returned strings sorted, those that begin with a given prefix are a contiguous range; the prefix is named
 * by the range's first index and its own length, and found by binary search among the strings of the range, never by
 * hashing or building a long string.
 */
class PrefixStates {
  readonly #outputs: readonly string[];
  readonly #ids = new Map<number, number>();
  readonly #firsts: number[] = [UNOBSERVED];
  readonly #lengths: number[] = [0];

  constructor(outputs: readonly string[]) {
    this.#outputs = outputs;
  }

  /** The state for the empty string extended by `value`. */
  fromEmpty(value: string): number {
    return this.#extend(0, 0, value);
  }

  append(state: number, value: string): number {
    if (state === UNOBSERVED) return UNOBSERVED;
    return this.#extend(this.#firsts[state] ?? 0, this.#lengths[state] ?? 0, value);
  }

  /** `first` is the first output that begins with the prefix of `length` characters. */
  #extend(first: number, length: number, value: string): number {
    const prefix = (this.#outputs[first] ?? "").slice(0, length);
    let low = first;
    let high = this.#outputs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const output = this.#outputs[middle] ?? "";
      // Outputs from `first` on are never below the prefix; those without it are above every extension of it.
      const below = output.startsWith(prefix) && output.slice(length, length + value.length) < value;
      if (below) low = middle + 1;
      else high = middle;
    }
    const found = this.#outputs[low];
    if (found === undefined || !found.startsWith(value, length) || !found.startsWith(prefix))
      return UNOBSERVED;
    return this.#intern(low, length + value.length);
  }

  #intern(first: number, length: number): number {
    // A string is at most 2^29 characters in V8 and there are fewer outputs than 2^24, so the name is exact.
    const name = length * 2 ** 24 + first;
    let state = this.#ids.get(name);
    if (state === undefined) {
      state = this.#firsts.length;
      this.#ids.set(name, state);
      this.#firsts.push(first);
      this.#lengths.push(length);
    }
    return state;
  }
}

function compile(operations: readonly Operation<AppendCall>[]): Machine {
  const states = new PrefixStates(observedOutputs(operations));
  const classes = new Map<string, number>();
  const classOfOp = new Int32Array(operations.length);
  const calls = operations.map(({ call }) => call);
  // For a get the state it must find, for a put the state it leaves.
  const target = new Int32Array(operations.length);
  for (const [op, call] of calls.entries()) {
    const name = `${call.f} ${call.value}`;
    let found = classes.get(name);
    if (found === undefined) {
      found = classes.size;
      classes.set(name, found);
    }
    classOfOp[op] = found;
    target[op] = call.f === "append" ? UNOBSERVED : states.fromEmpty(call.value);
  }
  const transitions = new Map<number, number>();

  return {
    initial: states.fromEmpty(""),
    unobserved: UNOBSERVED,
    step: (state, op) => {
      const call = calls[op];
      if (call === undefined) return ILLEGAL;
      switch (call.f) {
        case "get":
          return target[op] === state ? state : ILLEGAL;
        case "put":
          return target[op] ?? UNOBSERVED;
        case "append": {
          if (state === UNOBSERVED) return UNOBSERVED;
          const name = state * classes.size + (classOfOp[op] ?? 0);
          let next = transitions.get(name);
          if (next === undefined) {
            next = states.append(state, call.value);
            transitions.set(name, next);
          }
          return next;
        }
      }
    },
    readOnly: (op) => calls[op]?.f === "get",
    classOf: (op) => classOfOp[op] ?? 0,
  };
}

function quote(text: string): string {
  if (text.length <= SHOWN_CHARACTERS_MAX) return JSON.stringify(text);
  return `${text.length} characters ending in ${JSON.stringify(text.slice(-SHOWN_CHARACTERS_MAX))}`;
}

function describe(call: AppendCall): string {
  return call.f === "get" ? `get -> ${quote(call.value)}` : `${call.f} ${quote(call.value)}`;
}

function describeStateAfter(calls: readonly AppendCall[]): string {
  let value = "";
  for (const call of calls) {
    if (call.f === "put") value = call.value;
    else if (call.f === "append") value += call.value;
  }
  return quote(value);
}

/** Strings, one per key: get, put and append, starting empty. */
export const appendModel: Model<AppendCall> = {
  name: "append",
  partition: (call) => call.key,
  prune,
  compile,
  describe,
  describeStateAfter,
};
