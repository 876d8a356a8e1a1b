import type { Entry } from "../kv/entry.js";

/** One change of one key, or one key of a watch's initial snapshot. */
export interface WatchEvent {
  readonly kind: "put" | "delete";
  readonly path: string;
  /** The entry as a put left it; undefined for a delete. */
  readonly entry: Entry | undefined;
  /** The entry before the change, when the watch asked for it and history still holds it. */
  readonly previous: Entry | undefined;
  /**
   * The revision of the change; for an initial event that of the snapshot. Once all events of a revision were
   * taken, `fromRevision: revision + 1` continues right after it.
   */
  readonly revision: number;
  /** Whether the event belongs to the initial snapshot. */
  readonly initial: boolean;
}

/** Options of `watch`. */
export interface WatchOptions {
  /** Watch the key and everything below it. Default false. */
  readonly recursive?: boolean | undefined;
  /** First deliver the current entries, as put events, then every change after them. Excludes `fromRevision`. */
  readonly initial?: boolean | undefined;
  /** The first revision to deliver. Default the one after the current. Throws Compacted when it is gone. */
  readonly fromRevision?: number | undefined;
  /** Put the entry before the change into each event. Default false. */
  readonly previous?: boolean | undefined;
  /**
   * How long no node may serve the watch, in milliseconds, before the iteration ends with NoQuorum or Unavailable.
   * Default Infinity: the watch waits, and goes on without a gap once a node serves it again.
   */
  readonly unservedTimeoutMs?: number | undefined;
  /** Ends the iteration with Cancelled when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A running watch: iterate it once. Leaving the loop, or disposing of it, ends it at the server. */
export interface Watch extends AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  /** Ends the iteration. */
  return(): Promise<IteratorResult<WatchEvent>>;
}
