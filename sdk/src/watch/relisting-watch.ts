import { bounds } from "../client/options.js";
import { Cancelled, Compacted, FutureRevision, QuorateError } from "../errors/quorate-error.js";
import type { Entry } from "../kv/entry.js";
import { type WalkedClient, walkSubtree } from "../kv/walk.js";
import { onAbort } from "../process/abort-listeners.js";
import { KnownKeys } from "./known-keys.js";
import type { Watch, WatchEvent } from "./watch-event.js";
import type { Delivered, WatcherOptions } from "./watcher.js";

/** What relisting needs of a client. */
export interface RelistedClient extends WalkedClient {
  /** A watch that ends when it finds a revision compacted. */
  plainWatch(path: string, options: WatcherOptions): Watch<Delivered>;
  readonly requestTimeoutMs: number;
}

/** What is watched, as of one revision. */
interface State {
  readonly revision: number;
  readonly entries: AsyncIterable<Entry>;
}

/**
 * A watch that outlives compaction.
 *
 * Invariant: `#known` is the set of keys that exist according to everything taken from the iteration so far, that is as
 * of `#position`, which every key that is not delivered again is at or below. So at a later revision, a key whose mod
 * revision is above `#position` has changed, and a known one that is not there was deleted; nothing else is missing.
 */
export class RelistingWatch implements Watch<Delivered> {
  readonly #client: RelistedClient;
  readonly #path: string;
  readonly #options: WatcherOptions;
  /** Deletes can only be told from what is known; puts alone need no memory, except during a relist. */
  readonly #remembers: boolean;
  readonly #started: Promise<boolean>;
  readonly #deliveries: AsyncGenerator<Delivered, void, undefined>;
  readonly #stop = new AbortController();
  /** Lets go of the caller's signal. */
  readonly #forget: (() => void) | undefined;
  #known: KnownKeys;
  #position: number | undefined;
  #inner: Watch<Delivered> | undefined;
  #history: string | undefined;
  #left = false;

  constructor(client: RelistedClient, path: string, options: WatcherOptions) {
    this.#client = client;
    this.#path = path;
    this.#options = options;
    this.#remembers = options.events?.includes("delete") ?? true;
    this.#known = new KnownKeys(path);
    const { signal } = options;
    if (signal?.aborted) this.#stop.abort(signal.reason);
    else if (signal !== undefined) this.#forget = onAbort(signal, () => this.#stop.abort(signal.reason));
    // At once, since what is watched from now on is watched from the call on; who iterates hears of a failure.
    this.#started = this.#start();
    this.#started.catch(() => undefined);
    this.#deliveries = this.#deliver();
  }

  get history(): string | undefined {
    return this.#inner?.history ?? this.#history ?? this.#options.history;
  }

  get revision(): number | undefined {
    return this.#inner === undefined ? this.#position : (this.#inner.revision ?? this.#position);
  }

  async next(): Promise<IteratorResult<Delivered>> {
    try {
      return await this.#deliveries.next();
    } catch (error) {
      // Whoever left the loop is not interested in what that interrupted.
      if (this.#left) return { done: true, value: undefined };
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Delivered>> {
    this.#left = true;
    this.#forget?.();
    this.#stop.abort();
    await this.#inner?.return();
    return await this.#deliveries.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#deliver(): AsyncGenerator<Delivered, void, undefined> {
    try {
      if (!(await this.#started)) yield* this.#relist();
      for (;;) {
        try {
          yield* this.#follow();
          return;
        } catch (error) {
          if (!(error instanceof Compacted)) throw error;
        }
        // One that broke off before its initial entries were complete begins again with them.
        if (this.#position !== undefined) yield* this.#relist();
      }
    } finally {
      this.#forget?.();
    }
  }

  /** Learns what exists before the first event. Resolves with false when history does not tell that any more. */
  async #start(): Promise<boolean> {
    const { initial, fromRevision, knownPaths } = this.#options;
    if (fromRevision !== undefined) this.#position = Math.max(0, fromRevision - 1);
    for (const path of knownPaths ?? []) this.#remember(path, 0);
    // Of what follows the very first revision, everything is in the events.
    if (initial === true || knownPaths !== undefined || this.#position === 0 || !this.#remembers) return true;
    const position = this.#position;
    for (let at = position; ; ) {
      try {
        await this.#learn(at);
        return true;
      } catch (error) {
        if (!(error instanceof Compacted)) throw error;
        if (position === undefined) continue;
        // History is whole from its oldest revision on, and the one before that cannot be read.
        if (at !== position || error.revision > position + 1) return false;
        at = position + 1;
      }
    }
  }

  /**
   * Learns which keys exist, as of the position or for want of it the revision after, or the current one. Of the keys
   * that the revision after deleted only its events tell, for as long as history has them.
   */
  async #learn(at: number | undefined): Promise<void> {
    await this.#patiently(async () => {
      this.#known = new KnownKeys(this.#path);
      const { revision, entries } = await this.#read({ keysOnly: true, revision: at });
      const position = this.#position ?? revision;
      for await (const { path, createRevision, modRevision } of entries) {
        if (modRevision <= position) this.#remember(path, modRevision);
        else if (createRevision <= position) this.#remember(path, 0);
      }
      this.#position = position;
    });
  }

  /** The events of history from the position on, for as long as it is there. */
  async *#follow(): AsyncGenerator<Delivered, void, undefined> {
    const { signal } = this.#stop;
    if (signal.aborted) throw new Cancelled(`watch ${this.#path}: aborted`, { cause: signal.reason });
    const position = this.#position;
    const watch = this.#client.plainWatch(this.#path, {
      ...this.#options,
      ...(position === undefined ? {} : { initial: false, fromRevision: position + 1 }),
      events: this.#remembers ? undefined : ["put"],
    });
    this.#inner = watch;
    try {
      for await (const event of watch) {
        if (event.kind === "put") this.#remember(event.path, event.entry?.modRevision ?? event.revision);
        else if (event.kind === "delete") this.#known.delete(event.path);
        if (event.kind === "progress" || this.#wants(event.kind)) yield event;
      }
    } finally {
      this.#position = watch.revision ?? this.#position;
      this.#history = watch.history ?? this.#history;
      this.#inner = undefined;
    }
  }

  /** The difference between what was delivered and what is there now, and the position after it. */
  async *#relist(): AsyncGenerator<WatchEvent, void, undefined> {
    const position = this.#position ?? 0;
    // Where nothing else remembers it: what an attempt delivered before it broke off, which the next must not repeat.
    const known = this.#remembers ? this.#known : new KnownKeys(this.#path);
    for (let attempt = 1; ; attempt += 1) {
      const present = new KnownKeys(this.#path);
      let state: State | undefined;
      try {
        state = await this.#patiently(() => this.#read({ revision: undefined }));
        for await (const entry of state.entries) {
          const { path, modRevision } = entry;
          if (this.#remembers) present.put(path, modRevision);
          const isNew = modRevision > position && known.get(path) !== modRevision;
          if (isNew || this.#remembers) known.put(path, modRevision);
          if (isNew && this.#wants("put")) yield synthesized("put", path, entry, state.revision);
        }
      } catch (error) {
        // Compacted or interrupted in the middle: what was delivered is known, and the rest is in the next reading. One
        // that could not even begin has been tried for as long as a watch waits.
        if (!(error instanceof Compacted) && !(state !== undefined && isPassing(error))) throw error;
        if (attempt >= bounds.watchRelistAttemptsMax) throw error;
        continue;
      }
      const { revision } = state;
      for (const path of [...this.#known.paths()]) {
        if (present.get(path) !== undefined) continue;
        this.#known.delete(path);
        if (this.#wants("delete")) yield synthesized("delete", path, undefined, revision);
      }
      this.#position = revision;
      return;
    }
  }

  #remember(path: string, modRevision: number): void {
    if (this.#remembers) this.#known.put(path, modRevision);
  }

  #wants(kind: WatchEvent["kind"]): boolean {
    return this.#options.events?.includes(kind) ?? true;
  }

  async #read(options: {
    readonly keysOnly?: boolean;
    readonly revision: number | undefined;
  }): Promise<State> {
    const read = { ...options, history: this.#options.history, signal: this.#stop.signal };
    if (this.#options.recursive === true) {
      const walk = walkSubtree(this.#client, this.#path, read);
      // The first page says as of which revision; nothing of it is lost.
      const first = await walk.next();
      return { revision: walk.revision ?? 0, entries: resumed(first, walk) };
    }
    return await this.#readOne(read);
  }

  async #readOne(read: {
    readonly revision: number | undefined;
    readonly history: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<State> {
    // A get does not say as of which revision it is; a list does, unless that is given: it says how far the store is.
    const listing = await this.#client.list(this.#path, { ...read, limit: 1, keysOnly: true });
    const revision = read.revision ?? listing.revision;
    const entry = revision === 0 ? undefined : await this.#client.get(this.#path, { ...read, revision });
    return { revision, entries: only(entry) };
  }

  /** Reads for as long as a watch waits for a node that serves it. */
  async #patiently<T>(read: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const { unservedTimeoutMs = bounds.watchUnservedMs, signal } = this.#options;

    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (signal?.aborted) throw new Cancelled(`watch ${this.#path}: aborted`, { cause: signal.reason });
        const patienceMs =
          error instanceof FutureRevision ? this.#client.requestTimeoutMs : unservedTimeoutMs;
        if (!isPassing(error) || performance.now() - startedMs >= patienceMs) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, bounds.watchRelistRetryMs));
    }
  }
}

function synthesized(
  kind: WatchEvent["kind"],
  path: string,
  entry: Entry | undefined,
  revision: number,
): WatchEvent {
  return { kind, path, entry, previous: undefined, revision, initial: false, synthesized: true };
}

async function* resumed(
  first: IteratorResult<Entry, unknown>,
  rest: AsyncIterable<Entry>,
): AsyncGenerator<Entry, void, undefined> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

async function* only(entry: Entry | undefined): AsyncGenerator<Entry, void, undefined> {
  if (entry !== undefined) yield entry;
}

/** Whether a later attempt may succeed: no node served it, or none is as far as what was asked for. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof QuorateError)) return false;
  switch (error.code) {
    case "NO_QUORUM":
    case "UNAVAILABLE":
    case "OVERLOADED":
    case "DEADLINE_EXCEEDED":
    case "FUTURE_REVISION":
      return true;
    default:
      return false;
  }
}
