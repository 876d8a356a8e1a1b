import type { CommandEffect } from "./command-effect.js";
import type { OwnershipQueues } from "./ownership-queue.js";
import { violated } from "./violation.js";

/**
 * FENCE: a mutation with a fence is applied where, in log order, the ownership is held under its token, and refused
 * with FENCED where it is not.
 */
export class Fencing {
  readonly #queues: OwnershipQueues;
  #accepted = 0;
  #refused = 0;

  constructor(queues: OwnershipQueues) {
    this.#queues = queues;
  }

  /** How many fenced mutations were applied. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many fenced mutations were refused for their token. */
  get refused(): number {
    return this.#refused;
  }

  /** A command is applied for the first time; the queues stand right before it. */
  check({ command, result }: CommandEffect, trueMs: number): void {
    const { fence } = command;
    if (fence === undefined) return;
    this.#queues.follow(fence.key, trueMs);
    const owner = this.#queues.tokenOf(fence.key);
    const held = owner === fence.token;
    if (result.kind !== "error") {
      this.#accepted += 1;
      if (!held) this.#wrong("a stale token was accepted", fence, owner);
    } else if (result.code === "FENCED") {
      this.#refused += 1;
      if (held) this.#wrong("the owner's own token was refused", fence, owner);
    }
  }

  #wrong(
    what: string,
    fence: { readonly key: string; readonly token: number },
    owner: number | undefined,
  ): never {
    violated("FENCE", `${fence.key}: ${what}`, { ...fence, owner });
  }
}
