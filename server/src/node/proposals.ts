import { bounds } from "../config.js";
import type { Command, CommandBody, Fence, Result } from "../state-machine/index.js";
import { encodeBatch } from "./command-codec.js";
import { type Failure, overloaded } from "./failure.js";

/** Called once with what became of a command. */
export type Done = (outcome: Result | Failure) => void;

/** Commands that are to become one log entry. */
export interface Batch {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Whether it is about leases, and to be taken however much waits. */
  readonly ofLeases: boolean;
}

/**
 * The mutations of this node's callers: those of one turn of the event loop become one batch, that is one log entry,
 * and the entry's results come back to their callers when this node applies it. No promise, timer or closure is made
 * for a command.
 */
export class Proposals {
  /** Random number of this run of the process: an entry of an earlier run has no callers here. */
  readonly origin: bigint;
  private collected: Command[] = [];
  private callers: Done[] = [];
  private collectedBytes = 0;
  private ready: { commands: Command[]; callers: Done[] }[] = [];
  /** This turn's commands by which the leader keeps leases: a batch of their own, which load cannot keep from the log. */
  private ofLeases: { commands: Command[]; callers: Done[] } = { commands: [], callers: [] };
  /** Batches on their way, by id, with the callers of their commands in order. */
  private readonly waiting = new Map<number, WaitingBatch>();
  private nextBatchId: number;
  private pendingCount = 0;

  /** Batches count from `firstBatchId`, a random number: a refusal of an earlier run's batch fits none of this one. */
  constructor(origin: bigint, firstBatchId: number) {
    this.origin = origin;
    this.nextBatchId = firstBatchId;
  }

  get hasCollected(): boolean {
    return this.collected.length > 0 || this.ready.length > 0 || this.ofLeases.commands.length > 0;
  }

  get pending(): number {
    return this.pendingCount;
  }

  /**
   * Adds a command to this turn's batch. One `ofLeases` is never one too many: they are few, and without them leases that
   * are kept alive would end.
   */
  collect(command: Command, done: Done, ofLeases = false): void {
    if (ofLeases) {
      this.pendingCount++;
      this.ofLeases.commands.push(command);
      this.ofLeases.callers.push(done);
      return;
    }
    if (this.pendingCount >= bounds.pendingCommandsMax) {
      done(overloaded("pending mutations of this node", bounds.pendingCommandsMax));
      return;
    }
    this.pendingCount++;
    this.collected.push(command);
    this.callers.push(done);
    this.collectedBytes += weight(command.body);
    if (this.collectedBytes >= bounds.batchBytesMax || this.collected.length >= bounds.batchCommandsMax)
      this.close();
  }

  private close(): void {
    if (this.collected.length === 0) return;
    this.ready.push({ commands: this.collected, callers: this.callers });
    this.collected = [];
    this.callers = [];
    this.collectedBytes = 0;
  }

  /** Takes this turn's batches, encoded. Their callers wait from now on. */
  takeBatches(nowMs: number): Batch[] {
    const batches: Batch[] = [];
    const taken = this.takeOfLeases();
    this.close();
    for (const batch of [...taken, ...this.ready.splice(0)]) {
      const { commands, callers } = batch;
      const id = this.nextBatchId++;
      this.waiting.set(id, { callers, sentAtMs: nowMs });
      const bytes = this.encode(id, commands);
      if (bytes !== undefined) batches.push({ id, bytes, ofLeases: taken.includes(batch) });
    }
    return batches;
  }

  private takeOfLeases(): { commands: Command[]; callers: Done[] }[] {
    const taken = this.ofLeases;
    if (taken.commands.length === 0) return [];
    this.ofLeases = { commands: [], callers: [] };
    return [taken];
  }

  /** What cannot be written to the log fails by itself: a bad command must not end the node. */
  private encode(id: number, commands: readonly Command[]): Uint8Array | undefined {
    try {
      return encodeBatch({ origin: this.origin, batchId: id, commands });
    } catch (error) {
      this.fail(id, { kind: "failure", code: "INTERNAL", message: `cannot be encoded: ${String(error)}` });
      return undefined;
    }
  }

  /** This node applied an entry: its callers, if they are here and still waiting, get their results. */
  applied(origin: bigint, batchId: number, results: readonly Result[]): void {
    if (origin !== this.origin) return;
    const callers = this.take(batchId);
    for (let i = 0; i < callers.length; i++) {
      const result = results[i];
      if (result !== undefined) callers[i]?.(result);
    }
  }

  /** A batch came to a definite or indefinite end without being applied here. */
  fail(batchId: number, failure: Failure): void {
    for (const done of this.take(batchId)) done(failure);
  }

  /** Batches without an answer for `giveUpMs`: it may have been lost on its way, so nobody knows what became of them. */
  expire(nowMs: number, giveUpMs: number, failure: Failure): void {
    for (const [id, { sentAtMs }] of this.waiting) {
      // In the order in which they were sent.
      if (nowMs - sentAtMs < giveUpMs) return;
      this.fail(id, failure);
    }
  }

  /** Everything under way ends the same way: the leader it was sent to is gone. */
  failAll(failure: Failure): void {
    for (const id of [...this.waiting.keys()]) this.fail(id, failure);
  }

  /** What was collected and not sent will not be: it certainly did not happen. */
  refuseCollected(failure: Failure): void {
    this.close();
    for (const { callers } of [...this.takeOfLeases(), ...this.ready.splice(0)]) {
      this.pendingCount -= callers.length;
      for (const done of callers) done(failure);
    }
  }

  private take(batchId: number): readonly Done[] {
    const callers = this.waiting.get(batchId)?.callers ?? [];
    this.waiting.delete(batchId);
    this.pendingCount -= callers.length;
    return callers;
  }
}

interface WaitingBatch {
  readonly callers: readonly Done[];
  readonly sentAtMs: number;
}

/** About how many bytes a command takes in the log. */
function weight(body: CommandBody): number {
  switch (body.kind) {
    case "put":
      return body.key.length + body.value.length + 32;
    case "txn":
      return [...body.then, ...body.otherwise].reduce(
        (sum, operation) =>
          sum + (operation.kind === "range" ? 64 + operation.key.length : weight(operation)),
        body.compares.reduce(
          (sum, { key, target }) =>
            sum + 64 + key.length + (target.kind === "value" ? target.value.length : 0),
          64,
        ),
      );
    case "delete":
      return 64 + body.key.length;
    default:
      return 64;
  }
}

/** A command outside any session. */
export function sessionless(body: CommandBody, fence?: Fence): Command {
  return { sessionId: 0, sequence: 0, lowestPending: 0, fence, body };
}
