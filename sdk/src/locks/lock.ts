import { Contender } from "../ownership/contender.js";
import { Held } from "../ownership/held.js";
import type { AcquireOptions, QueueClient } from "../ownership/queue-client.js";

/** Options of `lock`. */
export interface LockOptions extends AcquireOptions {
  /** Value of the entry in the queue, for people who look at it. Default empty. */
  readonly value?: string | Uint8Array | undefined;
}

/**
 * A held mutex. Fair: owners follow in the order of their requests. No client can be sure of mutual exclusion while
 * it may be paused: pass the lock as `fence` with every write it protects, and the cluster is.
 *
 * @example
 * await using lock = await quorate.lock("/locks/orders");
 * await quorate.put("/orders/1", "paid", { fence: lock });
 */
export class Lock extends Held {
  /** Waits for the lock; see `Quorate.lock`. */
  static async acquire(client: QueueClient, key: string, options: LockOptions): Promise<Lock> {
    return new Lock(await Contender.acquire(client, key, options.value ?? "", options));
  }

  /** Gives the lock up. Resolves when the next in the queue can have it. */
  release(): Promise<void> {
    return this.giveUp();
  }
}
