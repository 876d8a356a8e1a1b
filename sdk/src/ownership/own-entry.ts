import { QuorateError } from "../errors/quorate-error.js";
import { patiently } from "./patience.js";
import { placeInQueue, type QueueEntry } from "./queue.js";
import type { QueueClient } from "./queue-client.js";

/** Why a contender cannot rely on its entry any more: `error` is what stopped it from watching, undefined for deleted. */
export type Gone = { readonly error: unknown } | { readonly error?: undefined };

/**
 * Watches a contender's own entry, from its creation on, whether it waits or owns: whoever deletes it, an operator say,
 * puts the contender out of the queue at once. One that was created again in its place is not its own.
 */
export class OwnEntry {
  readonly #client: QueueClient;
  readonly #entry: QueueEntry;
  readonly #watching = new AbortController();
  #gone: Gone | undefined;
  #onGone: ((gone: Gone) => void) | undefined;

  constructor(client: QueueClient, entry: QueueEntry) {
    this.#client = client;
    this.#entry = entry;
    void this.#watch();
  }

  /** Calls `listener`, and nobody else, once the entry is gone: at once if it is. */
  set onGone(listener: (gone: Gone) => void) {
    this.#onGone = listener;
    if (this.#gone !== undefined) listener(this.#gone);
  }

  /** Nobody is to be told any more. */
  stop(): void {
    this.#watching.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#watching;
    const { path, token } = this.#entry;
    let fromRevision = token + 1;
    while (!signal.aborted) {
      try {
        // However long no node serves it: the session's own clock says when the entry may be gone.
        const unservedTimeoutMs = Number.POSITIVE_INFINITY;
        for await (const event of this.#client.watch(path, { fromRevision, signal, unservedTimeoutMs })) {
          if (event.kind === "delete") return this.#end({});
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof QuorateError) || error.code !== "COMPACTED") return this.#end({ error });
      }
      // Disconnected for longer than history goes back: look, then watch from there.
      const revision = await this.#look();
      if (revision === undefined) return;
      fromRevision = revision + 1;
    }
  }

  /** Resolves with the revision at which the entry was seen, or undefined once it is gone or nobody asks. */
  async #look(): Promise<number | undefined> {
    const { signal } = this.#watching;
    try {
      const { present, revision } = await patiently(
        () => placeInQueue(this.#client, this.#entry, signal),
        signal,
      );
      if (present) return revision;
      this.#end({});
    } catch (error) {
      this.#end({ error });
    }
    return undefined;
  }

  #end(gone: Gone): void {
    if (this.#watching.signal.aborted) return;
    this.#gone = gone;
    this.stop();
    this.#onGone?.(gone);
  }
}
