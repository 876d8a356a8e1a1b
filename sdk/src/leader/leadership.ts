import type { Ownership } from "../kv/options.js";
import { Contender } from "../ownership/contender.js";
import type { AcquireOptions, QueueClient } from "../ownership/queue-client.js";

/** Options of `campaign`. */
export type CampaignOptions = AcquireOptions;

/**
 * A won election. Pass it as `fence` with every write that only the leader may do.
 *
 * @example
 * await using leadership = await quorate.campaign("/elections/scheduler", "node-a");
 * await quorate.put("/schedule", "…", { fence: leadership });
 */
export class Leadership implements Ownership, AsyncDisposable {
  readonly #client: QueueClient;
  readonly #contender: Contender;

  private constructor(client: QueueClient, contender: Contender) {
    this.#client = client;
    this.#contender = contender;
  }

  /** Waits to be elected; see `Quorate.campaign`. */
  static async campaign(
    client: QueueClient,
    key: string,
    name: string,
    options: CampaignOptions,
  ): Promise<Leadership> {
    return new Leadership(client, await Contender.acquire(client, key, name, options));
  }

  get key(): string {
    return this.#contender.key;
  }

  /** Fencing token: strictly increasing with every leader of the key. */
  get token(): number {
    return this.#contender.token;
  }

  /** Path of this leader's entry in the queue. */
  get path(): string {
    return this.#contender.path;
  }

  /** Aborted once the leader resigned or may have lost the leadership. */
  get signal(): AbortSignal {
    return this.#contender.signal;
  }

  /** Announces a new value to observers. Throws Fenced when the leadership was lost. */
  async proclaim(value: string): Promise<void> {
    await this.#client.put(this.path, value, { lease: "session", fence: this });
  }

  /** Gives the leadership up. Resolves when the next candidate can have it. */
  resign(): Promise<void> {
    return this.#contender.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}
