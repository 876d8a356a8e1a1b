import { compare, op, type Quorate, QuorateError } from "@quorate/sdk";
import { checkHistory } from "../commands/history-check.js";
import type { Random } from "../random/seeded-random.js";
import type { Completion, Generator, Invoke, Workload } from "./workload.js";

/** Where the registers live in the store. */
const PREFIX = "/jepsen/register/";

/** Shares of reads and of writes; the rest are compare-and-swaps. */
const READ_SHARE = 0.45;
const WRITE_SHARE = 0.3;

function pair(value: unknown): [from: string | null, to: string] {
  if (Array.isArray(value)) {
    const [from, to]: unknown[] = value;
    if ((from === null || typeof from === "string") && typeof to === "string") return [from, to];
  }
  throw new TypeError(`cas of ${JSON.stringify(value)}`);
}

async function perform(quorate: Quorate, { f, key, value }: Invoke, timeoutMs: number): Promise<Completion> {
  const path = PREFIX + key;
  switch (f) {
    case "read": {
      const entry = await quorate.get(path, { timeoutMs });
      return { type: "ok", value: entry?.text() ?? null };
    }
    case "write":
      await quorate.put(path, String(value), { timeoutMs });
      return { type: "ok", value };
    case "cas": {
      const [from, to] = pair(value);
      const outcome = await quorate.txn({
        compares: [from === null ? compare.missing(path) : compare.value(path).equals(from)],
        then: [op.put(path, to)],
        timeoutMs,
      });
      return { type: "ok", value, result: outcome.succeeded };
    }
    default:
      throw new TypeError(`the register workload has no ${f}`);
  }
}

/**
 * The SDK promises that every error but an unknown outcome means that the operation did not happen. The history takes
 * it at its word: should such an operation show up after all, the history is illegal. A failed read is never more
 * than that.
 */
async function client(quorate: Quorate, invoke: Invoke, timeoutMs: number): Promise<Completion> {
  try {
    return await perform(quorate, invoke, timeoutMs);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    const unknown = error.outcome === "unknown" && invoke.f !== "read";
    return { type: unknown ? "info" : "fail", error: `${error.code}: ${error.message}` };
  }
}

function generator(worker: number, keys: readonly string[], random: Random): Generator {
  // What this worker last saw at a key: a compare-and-swap from there often succeeds.
  const seen = new Map<string, string | null>();
  let written = 0;
  const fresh = (): string => `${worker}.${++written}`;
  return {
    next: () => {
      const key = random.pick(keys);
      const kind = random.next();
      if (kind < READ_SHARE) return { f: "read", key, value: null };
      if (kind < READ_SHARE + WRITE_SHARE) return { f: "write", key, value: fresh() };
      return { f: "cas", key, value: [seen.get(key) ?? null, fresh()] };
    },
    completed: ({ f, key, value }, completion) => {
      if (completion.type !== "ok") return;
      if (f === "cas") {
        if (completion.result === true) seen.set(key, pair(value)[1]);
      } else if (typeof completion.value === "string") {
        seen.set(key, completion.value);
      }
    },
  };
}

/** Registers under `/jepsen/register`: linearizable reads, puts, and transactions that compare the value. */
export const registerWorkload: Workload = {
  name: "register",
  functions: ["read", "write", "cas"],
  client,
  generator,
  finalGenerator: (keys) => keys.map((key) => ({ f: "read", key, value: null })),
  checker: (history, shouldStop) => checkHistory("register", history, { shouldStop }),
};
