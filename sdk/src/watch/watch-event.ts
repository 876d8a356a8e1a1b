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
   * The revision of the change; for an initial or synthesized event that of the state it is taken from. Once all events
   * of a revision were taken, `fromRevision: revision + 1` continues right after it.
   */
  readonly revision: number;
  /** Whether the event belongs to the initial snapshot. */
  readonly initial: boolean;
  /**
   * Whether it stands for changes that were compacted before they could be delivered: the last state of the key, as
   * compared with what was delivered before. Only with `onCompacted: "relist"`.
   */
  readonly synthesized: boolean;
}

/** Everything that is watched was delivered up to a revision. */
export interface WatchProgress {
  readonly kind: "progress";
  readonly revision: number;
}

/** Options of `watch`. */
export interface WatchOptions {
  /** Watch the key and everything below it. Default false. */
  readonly recursive?: boolean | undefined;
  /** First deliver the current entries, as put events, then every change after them. Excludes `fromRevision`. */
  readonly initial?: boolean | undefined;
  /** The first revision to deliver, not below the compacted one. Default that after the current. Throws Compacted when it is gone. */
  readonly fromRevision?: number | undefined;
  /** The history that `fromRevision` is of: the iteration throws HistoryChanged when the nodes are of another. */
  readonly history?: string | undefined;
  /** Put the entry before the change into each event. Default false. */
  readonly previous?: boolean | undefined;
  /** Deliver only events of these kinds; others are left out by the servers. Default both. */
  readonly events?: readonly WatchEvent["kind"][] | undefined;
  /**
   * What to do when changes were compacted before they could be delivered, because the start lies too far back or no
   * node was reached for too long. `fail` (default): the iteration throws Compacted. `relist`: the SDK reads what is
   * watched as of one revision, compares it with what it has delivered, delivers the difference as synthesized events,
   * and goes on from there. For that it remembers path and mod revision of every key that is watched. Never across a
   * change of the history, which throws HistoryChanged with either.
   */
  readonly onCompacted?: "fail" | "relist" | undefined;
  /**
   * With `relist` and `fromRevision`: the paths that the application holds as of the revision before. Where the start was
   * compacted, those that are gone are then delivered as deletes. Default: as far as the servers can tell.
   */
  readonly knownPaths?: Iterable<string> | undefined;
  /**
   * How long no node may serve the watch, in milliseconds, before the iteration ends with NoQuorum or Unavailable,
   * rather than be silent. Default 30,000: several elections, and a rolling restart. With Infinity the watch waits, and
   * goes on without a gap once a node serves it again, or ends with HistoryChanged where none can.
   */
  readonly unservedTimeoutMs?: number | undefined;
  /** Ends the iteration with Cancelled when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a `watch` that delivers progress marks too. */
export interface ProgressWatchOptions extends WatchOptions {
  /** Deliver a mark when there was nothing to deliver for some seconds, so that the application knows how far it is. */
  readonly progress: true;
}

/** A running watch: iterate it once. Leaving the loop, or disposing of it, ends it at the server. */
export interface Watch<Delivered = WatchEvent> extends AsyncIterableIterator<Delivered>, AsyncDisposable {
  /** The history that `revision` is of; to be kept with it. Undefined while that is not known. */
  readonly history: string | undefined;
  /**
   * Every event up to this revision was taken from the iteration, so that `fromRevision: revision + 1` continues there,
   * in another process for example. Undefined before the start is known, or the initial entries were taken.
   */
  readonly revision: number | undefined;
  /** Ends the iteration. */
  return(): Promise<IteratorResult<Delivered>>;
}
