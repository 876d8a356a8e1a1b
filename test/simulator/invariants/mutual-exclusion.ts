import type { ClientEvent } from "../observation.js";
import type { OwnershipQueues } from "./ownership-queue.js";
import { violated } from "./violation.js";

type LockEvent = Extract<ClientEvent, { attempt: number }>;

/**
 * MUTEX: whoever is granted a lock owned it in the log at some moment of its wait, under the token it was given, and
 * nobody else is granted it under that token. In the log there is one owner at a time by its order, and the tokens of
 * the owners rise (OwnershipQueues).
 */
export class MutualExclusion {
  readonly #queues: OwnershipQueues;
  readonly #waitingSinceMs = new Map<number, number>();
  readonly #grantedTo = new Map<string, number>();
  readonly #appliedMs: (revision: number) => number | undefined;

  /** `appliedMs` says when a revision was first applied. */
  constructor(queues: OwnershipQueues, appliedMs: (revision: number) => number | undefined) {
    this.#queues = queues;
    this.#appliedMs = appliedMs;
  }

  /** How many locks were granted. */
  get granted(): number {
    return this.#grantedTo.size;
  }

  event(event: LockEvent): void {
    switch (event.kind) {
      case "lockWaiting":
        this.#queues.follow(event.path, event.trueMs);
        this.#waitingSinceMs.set(event.attempt, event.trueMs);
        return;
      case "lockGranted":
        this.#granted(event);
        return;
      case "lockLost":
      case "lockReleased":
      case "lockFailed":
        return;
    }
  }

  #granted({ attempt, client, path, token }: Extract<LockEvent, { kind: "lockGranted" }>): void {
    const details = { client, path, token, attempt };
    const sinceMs = this.#waitingSinceMs.get(attempt) ?? 0;
    const owner = this.#queues.owner(path, token);
    if (owner === undefined) violated("MUTEX", `${path}: nobody ever owned it under token ${token}`, details);
    const queuedMs = this.#appliedMs(token) ?? 0;
    if (queuedMs < sinceMs || (owner.untilMs ?? sinceMs) < sinceMs) {
      violated("MUTEX", `${path}: token ${token} is of before the wait for it`, {
        ...details,
        waitingSinceMs: sinceMs,
        queuedMs,
        ...owner,
      });
    }
    const name = `${token} ${path}`;
    const other = this.#grantedTo.get(name);
    if (other !== undefined) {
      violated("MUTEX", `${path}: token ${token} was granted twice`, { ...details, other });
    }
    this.#grantedTo.set(name, attempt);
  }
}
