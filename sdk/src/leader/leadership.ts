import { leadershipCalls } from "../arguments/calls.js";
import { Contender } from "../ownership/contender.js";
import { Held } from "../ownership/held.js";
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
export class Leadership extends Held {
  readonly #client: QueueClient;

  private constructor(client: QueueClient, contender: Contender) {
    super(contender);
    this.#client = client;
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

  /** Announces a new value to observers. Throws Fenced when the leadership was lost. */
  async proclaim(value: string): Promise<void> {
    const [announced] = leadershipCalls.proclaim(value);
    await this.#client.put(this.path, announced, { lease: "session", fence: this });
  }

  /** Gives the leadership up. Resolves when the next candidate can have it. */
  resign(): Promise<void> {
    return this.giveUp();
  }
}
