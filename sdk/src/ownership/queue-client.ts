import type { CallOptions, ConnectionState } from "../client/options.js";
import type { QuorateError } from "../errors/quorate-error.js";
import type { Entry } from "../kv/entry.js";
import type { DeleteOptions, ListOptions, PutOptions, ReadOptions } from "../kv/options.js";
import type { DeleteOutcome, Listing, PutOutcome } from "../kv/outcome.js";
import type { Watch, WatchOptions } from "../watch/watch-event.js";

/** What ownership, and everything built on it, needs of a client. */
export interface QueueClient {
  get(path: string, options?: ReadOptions): Promise<Entry | undefined>;
  list(path: string, options?: ListOptions): Promise<Listing>;
  put(path: string, value: string | Uint8Array, options?: PutOptions): Promise<PutOutcome>;
  delete(path: string, options?: DeleteOptions): Promise<DeleteOutcome>;
  watch(path: string, options?: WatchOptions): Watch;
  readonly state: ConnectionState;
  /** Default deadline of one operation, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Whether the session may have expired, by the client's own clock. */
  readonly lapsed: boolean;
  /** Calls `listener` whenever the session ended or may have; the returned function unsubscribes. */
  onLapse(listener: (reason: QuorateError) => void): () => void;
  /** Why the session keeps no promise now, as an error for `action`; undefined when nothing is known to be wrong. */
  trouble(action: string): QuorateError | undefined;
}

/** Options of `lock` and `campaign`. */
export interface AcquireOptions extends CallOptions {
  /** How long to wait for the ownership, in milliseconds. Default forever. */
  readonly timeoutMs?: number | undefined;
}
