import type { ClientEvent } from "../observation.js";
import type { OwnershipQueues } from "./ownership-queue.js";
import { violated } from "./violation.js";

type LockEvent = Extract<ClientEvent, { attempt: number }>;
type Granted = Extract<LockEvent, { kind: "lockGranted" }>;
type Proclaimed = Extract<LockEvent, { kind: "proclaimed" }>;

/** How long after its end in the log, in a settled cluster, a client is told of it: its watch has to be served again. */
const toldMsMax = 6_000;

/**
 * MUTEX: whoever is granted a lock owned it in the log at some moment of its wait, under the token it was given, and
 * nobody else is granted it under that token. In the log there is one owner at a time by its order, and the tokens of
 * the owners rise (OwnershipQueues). A living client whose ownership ended is told, and nothing is proclaimed under the
 * token of one that had ended.
 */
export class MutualExclusion {
  readonly #queues: OwnershipQueues;
  readonly #waitingSinceMs = new Map<number, number>();
  readonly #grantedTo = new Map<string, number>();
  // By attempt: the locks whose clients have not been told that they may have ended, and did not end them.
  readonly #held = new Map<number, Granted>();
  readonly #appliedMs: (revision: number) => number | undefined;

  /** `appliedMs` says when a revision was first applied. */
  constructor(queues: OwnershipQueues, appliedMs: (revision: number) => number | undefined) {
    this.#queues = queues;
    this.#appliedMs = appliedMs;
  }

  #proclamations = 0;

  /** How many values leaders announced. */
  get proclamations(): number {
    return this.#proclamations;
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
      case "proclaimed":
        this.#proclaimed(event);
        return;
      case "lockLost":
      case "lockReleased":
      case "lockFailed":
        this.#held.delete(event.attempt);
        return;
    }
  }

  /** A client is gone, or cut off for good, and cannot be told anything any more. */
  outOfReach(client: string): void {
    for (const [attempt, held] of this.#held) if (held.client === client) this.#held.delete(attempt);
  }

  /** At the end: whoever lost a lock, and lives, was told so. */
  finish(settledMs: number, trueMs: number): void {
    for (const { client, path, token } of this.#held.values()) {
      const untilMs = this.#queues.owner(path, token)?.untilMs;
      if (untilMs === undefined || trueMs <= Math.max(untilMs, settledMs) + toldMsMax) continue;
      violated("MUTEX", `${path}: ${client} lost it under token ${token} and was never told`, {
        client,
        path,
        token,
        untilMs,
        trueMs,
      });
    }
  }

  #proclaimed({ client, path, token, sentMs, trueMs }: Proclaimed): void {
    this.#proclamations += 1;
    const owner = this.#queues.owner(path, token);
    if (owner !== undefined && (owner.untilMs ?? trueMs) >= sentMs) return;
    violated("MUTEX", `${path}: ${client} announced a value under token ${token}, which it did not own`, {
      client,
      path,
      token,
      sentMs,
      trueMs,
      ...owner,
    });
  }

  #granted(granted: Granted): void {
    const { attempt, client, path, token } = granted;
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
    this.#held.set(attempt, granted);
  }
}
