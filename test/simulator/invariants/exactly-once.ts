import type { Result } from "../../../server/src/state-machine/index.js";
import type { CommandEffect } from "./command-effect.js";
import { sameResult } from "./same.js";
import { violated } from "./violation.js";

/**
 * EO: a mutation of a session takes effect once, and whenever it is applied again it returns the result of the first
 * time. Only of a sequence below the lowest one that its client ever said to wait for may it say that the result is
 * forgotten. Results survive snapshots, restarts and leaders, so there is no exception.
 */
export class ExactlyOnce {
  readonly #results = new Map<number, Map<number, Result>>();
  // By session: the highest of the lowest sequences that its commands, in log order, still waited for.
  readonly #lowestPending = new Map<number, number>();
  #repeated = 0;

  /** How many mutations were applied that had been applied before. */
  get repeated(): number {
    return this.#repeated;
  }

  /** A command was applied. Returns whether it had been applied before. `alive` says whether its session existed. */
  applied({ command, result, changes }: CommandEffect, alive: boolean): boolean {
    const { sessionId, sequence } = command;
    if (sessionId === 0) return false;
    const expired = result.kind === "error" && result.code === "SESSION_EXPIRED";
    if (expired === alive) {
      const what = alive ? "lives and is taken for expired" : "is over and took a mutation";
      violated("EO", `session ${sessionId} ${what}`, { session: sessionId, sequence, result });
    }
    if (expired) return false;
    const lowestPending = this.#lowestPending.get(sessionId) ?? 0;
    // Who sends a mutation waits for it: a command does not forget itself.
    const waitedFor = Math.min(command.lowestPending, sequence);
    this.#lowestPending.set(sessionId, Math.max(lowestPending, waitedFor));
    const forgotten = result.kind === "error" && result.code === "SEQUENCE_FORGOTTEN";
    if (forgotten && sequence >= lowestPending) {
      violated("EO", `session ${sessionId} forgot mutation ${sequence}, which its client waits for`, {
        session: sessionId,
        sequence,
        lowestPending,
      });
    }
    const results = this.#of(sessionId);
    const first = results.get(sequence);
    if (first === undefined) {
      if (isKept(result)) results.set(sequence, result);
      return false;
    }
    this.#repeated += 1;
    if (changes.length > 0 || (!forgotten && !sameResult(first, result))) {
      violated("EO", `mutation ${sequence} of session ${sessionId} took effect twice`, {
        session: sessionId,
        sequence,
        first,
        again: result,
        changes: changes.map(({ key, revision }) => ({ key, revision })),
      });
    }
    return true;
  }

  #of(sessionId: number): Map<number, Result> {
    let results = this.#results.get(sessionId);
    if (results === undefined) {
      results = new Map();
      this.#results.set(sessionId, results);
    }
    return results;
  }
}

/** Refusals before the session is asked are not kept: the mutation may still be applied. */
function isKept(result: Result): boolean {
  if (result.kind !== "error") return true;
  switch (result.code) {
    case "SEQUENCE_FORGOTTEN":
    case "INVALID_ARGUMENT":
    case "SESSION_FULL":
      return false;
    default:
      return true;
  }
}
