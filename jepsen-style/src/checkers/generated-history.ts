import type { AppendCall } from "../models/append.js";
import type { Operation } from "../models/model.js";
import { REGISTER_INITIAL, type RegisterCall } from "../models/register.js";
import type { Random } from "../random/seeded-random.js";

/** The shape of a generated history. */
export interface Shape {
  readonly operations: number;
  /** How many clients call at the same time. */
  readonly clients: number;
  readonly keys: number;
  /** Probability that an operation ends with an unknown outcome; it then happened or not by a coin. */
  readonly indeterminate: number;
  /** How many different values are written; each value is written once when it is at least `operations`. */
  readonly values: number;
}

interface Pending {
  /** The call as it would complete at this moment, with its effect on the object applied. */
  takeEffect(): void;
  effective: boolean;
  invokedAt: number;
}

/**
 * Runs clients against one real object in memory, in a random interleaving of invocations, effects and completions:
 * the history is linearizable by construction.
 */
function generate<Call>(
  random: Random,
  shape: Shape,
  invoke: (number: number) => { readonly call: () => Call; readonly takeEffect: () => void },
): Operation<Call>[] {
  const operations: Operation<Call>[] = [];
  const pending: (Pending & { readonly call: () => Call })[] = [];
  let now = 0;
  let invoked = 0;
  while (invoked < shape.operations || pending.length > 0) {
    now += 1;
    const mayInvoke = invoked < shape.operations && pending.length < shape.clients;
    if (mayInvoke && (pending.length === 0 || random.chance(0.5))) {
      pending.push({ ...invoke(invoked), effective: false, invokedAt: now });
      invoked += 1;
      continue;
    }
    const at = random.below(pending.length);
    const one = pending[at];
    if (one === undefined) continue;
    if (!one.effective && random.chance(shape.indeterminate)) {
      if (random.chance(0.5)) one.takeEffect();
      operations.push({
        id: operations.length,
        call: one.call(),
        invokedAt: one.invokedAt,
        completedAt: undefined,
      });
      pending.splice(at, 1);
    } else if (!one.effective) {
      one.takeEffect();
      one.effective = true;
    } else {
      operations.push({
        id: operations.length,
        call: one.call(),
        invokedAt: one.invokedAt,
        completedAt: now,
      });
      pending.splice(at, 1);
    }
  }
  return operations;
}

/** A linearizable history on registers. */
export function generateRegisterHistory(random: Random, shape: Shape): Operation<RegisterCall>[] {
  const registers = new Map<string, string>();
  return generate<RegisterCall>(random, shape, (number) => {
    const key = String(random.below(shape.keys));
    const value = String(shape.values >= shape.operations ? number : random.below(shape.values));
    const kind = random.next();
    let found = "";
    if (kind < 0.4) {
      return {
        takeEffect: () => {
          found = registers.get(key) ?? REGISTER_INITIAL;
        },
        call: () => ({ f: "read", key, value: found }),
      };
    }
    if (kind < 0.75) {
      return {
        takeEffect: () => {
          registers.set(key, value);
        },
        call: () => ({ f: "write", key, value }),
      };
    }
    const present = registers.get(key) ?? REGISTER_INITIAL;
    const from = random.chance(0.6) ? present : String(random.below(shape.values));
    let succeeded: boolean | undefined;
    return {
      takeEffect: () => {
        succeeded = (registers.get(key) ?? REGISTER_INITIAL) === from;
        if (succeeded) registers.set(key, value);
      },
      call: () => ({ f: "cas", key, from, to: value, succeeded }),
    };
  }).map((operation) =>
    // An indeterminate compare-and-swap does not know whether it compared.
    operation.completedAt === undefined && operation.call.f === "cas"
      ? { ...operation, call: { ...operation.call, succeeded: undefined } }
      : operation,
  );
}

/** A linearizable history on appendable strings. */
export function generateAppendHistory(random: Random, shape: Shape): Operation<AppendCall>[] {
  const strings = new Map<string, string>();
  return generate<AppendCall>(random, shape, (number) => {
    const key = String(random.below(shape.keys));
    const value =
      shape.values >= shape.operations ? `x ${number} y` : "abc".charAt(random.below(shape.values));
    const kind = random.next();
    let found = "";
    if (kind < 0.45) {
      return {
        takeEffect: () => {
          found = strings.get(key) ?? "";
        },
        call: () => ({ f: "get", key, value: found }),
      };
    }
    const f = kind < 0.9 ? "append" : "put";
    return {
      takeEffect: () => {
        strings.set(key, f === "append" ? (strings.get(key) ?? "") + value : value);
      },
      call: () => ({ f, key, value }),
    };
  });
}
