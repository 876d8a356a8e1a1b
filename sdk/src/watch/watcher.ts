import { type Event, EventKind, type WatchCreate, type WatchEvents, type WatchInitial } from "@quorate/proto";
import { bounds } from "../client/options.js";
import { gaveUp } from "../errors/give-up.js";
import { Cancelled, type QuorateError, TooLarge } from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import { Entry, entryOf } from "../kv/entry.js";
import { int64, wirePath } from "../kv/request.js";
import { onAbort } from "../process/abort-listeners.js";
import type { Watch, WatchEvent, WatchOptions, WatchProgress } from "./watch-event.js";

/** What a watcher delivers: marks only if asked for. */
export type Delivered = WatchEvent | WatchProgress;

/** Options of a watcher. */
export interface WatcherOptions extends WatchOptions {
  readonly progress?: boolean | undefined;
}

/** What a watcher asks of the connection that feeds it. */
export interface WatchFeed {
  /** Stop delivering to the watcher; it will ask to be resumed. */
  pause(watcher: Watcher): void;
  resume(watcher: Watcher): void;
  /** The watcher is over. */
  remove(watcher: Watcher): void;
}

/** Bytes an event takes besides its entries' values, about. */
const eventOverheadBytes = 256;

interface Waiter {
  readonly resolve: (result: IteratorResult<Delivered>) => void;
  readonly reject: (error: QuorateError) => void;
}

/**
 * One watch as its consumer sees it: a bounded buffer, and the position from which a broken stream is resumed. Every
 * revision enters the buffer once, in order, whole. The initial snapshot, and a revision that comes in parts, enter
 * only when they are complete: what breaks off is read again from the start.
 */
export class Watcher implements Watch<Delivered> {
  readonly #path: string;
  readonly #options: WatcherOptions;
  readonly #feed: WatchFeed;
  /** Lets go of the caller's signal. */
  readonly #forget: (() => void) | undefined;
  #buffer: Delivered[] = [];
  #head = 0;
  #bufferBytes = 0;
  #initialEntries: Entry[] = [];
  #initialBytes = 0;
  /** The parts so far of a revision too large for one reply. */
  #parts: Event[] = [];
  #partsBytes = 0;
  /** Every event up to this revision is in the buffer or was taken; undefined before the first position is known. */
  #position: number | undefined;
  #waiters: Waiter[] = [];
  #paused = false;
  /** What `revision` was when the loop was left: what was in the buffer then was never taken. */
  #leftAt: { readonly revision: number | undefined } | undefined;
  #over: { readonly error: QuorateError | undefined } | undefined;
  #unservedTimer: NodeJS.Timeout | undefined;
  /** Why no node serves the watch, as last heard. */
  #trouble: QuorateError | undefined;
  /** How often the initial entries were begun again because their revision was compacted before the last of them. */
  #restarts = 0;
  /** The history that the last request to start it named; "" for none. */
  named = "";
  /** The history that a server told. */
  #history: string | undefined;
  /** Since when the server has called the start a future revision. */
  futureSinceMs: number | undefined;

  constructor(path: string, options: WatcherOptions, feed: WatchFeed) {
    this.#path = path;
    this.#options = options;
    this.#feed = feed;
    if (options.fromRevision !== undefined && options.fromRevision > 0) {
      this.#position = options.fromRevision - 1;
    }
    const { signal } = options;
    if (signal === undefined) return;
    this.#forget = onAbort(signal, () => {
      this.end(new Cancelled(`watch ${path}: aborted`, { cause: signal.reason }));
    });
  }

  get path(): string {
    return this.#path;
  }

  get revision(): number | undefined {
    if (this.#leftAt !== undefined) return this.#leftAt.revision;
    const next = this.#buffer[this.#head];
    if (next === undefined) return this.#position;
    // Everything up to a mark came before it, so it was taken; the position may be that of events behind the mark.
    if (next.kind === "progress") return next.revision;
    return next.initial ? undefined : next.revision - 1;
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  /** Whether some revision was already received: from then on its history cannot be in the future. */
  get started(): boolean {
    return this.#position !== undefined && this.#position !== (this.#options.fromRevision ?? 0) - 1;
  }

  /**
   * Whether it may begin again although history was compacted: of initial entries that were never complete nothing was
   * delivered, so those of a newer revision do as well. Not for ever, where every reading is overtaken.
   */
  beginsAgain(): boolean {
    if (this.#options.initial !== true || this.#position !== undefined) return false;
    this.#restarts += 1;
    return this.#restarts < bounds.watchRelistAttemptsMax;
  }

  /** The history that its application goes on from; undefined where it named none. */
  get wanted(): string | undefined {
    return this.#options.history;
  }

  get history(): string | undefined {
    return this.#history ?? this.#options.history;
  }

  /** The request that starts it, or continues it after the last event received, in the history that the client goes on in. */
  create(watchId: bigint, historyId: string): WatchCreate {
    this.named = historyId;
    this.#initialEntries = [];
    this.#initialBytes = 0;
    this.#dropParts();
    const position = this.#position;
    return {
      $typeName: "quorate.v1.WatchCreate",
      watchId,
      path: wirePath(this.#path),
      recursive: this.#options.recursive ?? false,
      startRevision: position === undefined ? 0n : int64("fromRevision", position + 1),
      initial: position === undefined && (this.#options.initial ?? false),
      previous: this.#options.previous ?? false,
      exclude: excludedBy(this.#options.events),
      progress: true,
      historyId,
    };
  }

  /** The servers told which history the watch is of. */
  told(history: string): void {
    if (history !== "") this.#history = history;
  }

  /** The server has started the watch; without a snapshot to come, its revision is the position. */
  created(revision: number): void {
    this.futureSinceMs = undefined;
    this.#served();
    if (this.#position === undefined && this.#options.initial !== true) this.#position = revision;
  }

  /** No node serves the watch at present, which it bears for a while; `trouble` says why, if that is known. */
  unserved(trouble?: QuorateError): void {
    if (trouble !== undefined) this.#trouble = tellingTrouble(this.#trouble, trouble);
    const asked = this.#options.unservedTimeoutMs ?? bounds.watchUnservedMs;
    const waits = !Number.isFinite(asked);
    if (this.#over !== undefined || this.#unservedTimer !== undefined) return;
    // What waits for ever for its nodes does not wait where only nodes of another history are left.
    if (waits && this.#trouble?.code !== "HISTORY_CHANGED") return;
    const timeoutMs = waits ? bounds.watchUnservedMs : asked;
    this.#unservedTimer = setTimeout(() => {
      this.#unservedTimer = undefined;
      if (waits && this.#trouble?.code !== "HISTORY_CHANGED") return;
      this.end(gaveUp(`watch ${this.#path}: no node served it for ${timeoutMs} ms`, this.#trouble));
    }, timeoutMs);
  }

  #served(): void {
    clearTimeout(this.#unservedTimer);
    this.#unservedTimer = undefined;
    this.#trouble = undefined;
  }

  initial({ entries, revision, more }: WatchInitial): void {
    if (this.#over !== undefined || this.#position !== undefined) return;
    // They are puts.
    const wanted = this.#options.events?.includes("put") === false ? [] : entries;
    for (const wire of wanted) {
      this.#initialEntries.push(new Entry(wire));
      this.#initialBytes += eventOverheadBytes + wire.value.length;
    }
    if (this.#initialBytes > bounds.watchInitialBytesMax) {
      const limit = `${bounds.watchInitialBytesMax} bytes`;
      this.end(new TooLarge(`watch ${this.#path}: its initial entries take more than ${limit}`));
      return;
    }
    if (more) return;
    const complete = this.#initialEntries;
    this.#initialEntries = [];
    this.#position = Number(revision);
    for (const entry of complete) {
      this.#push(
        {
          kind: "put",
          path: entry.path,
          entry,
          previous: undefined,
          revision: Number(revision),
          initial: true,
          synthesized: false,
        },
        entry.value.length,
      );
    }
    this.#checkBounds();
  }

  events({ events, revision, more }: WatchEvents): void {
    const position = this.#position;
    if (this.#over !== undefined || this.#paused || position === undefined) return;
    if (more) {
      this.#keepParts(events);
      return;
    }
    this.#receive(this.#parts.length === 0 ? events : [...this.#parts, ...events], position);
    this.#dropParts();
    this.#reached(Number(revision));
    this.#checkBounds();
  }

  #keepParts(events: readonly Event[]): void {
    for (const event of events) {
      this.#parts.push(event);
      this.#partsBytes += eventOverheadBytes + valueBytes(event);
    }
    if (this.#partsBytes <= bounds.watchRevisionBytesMax) return;
    const limit = `${bounds.watchRevisionBytesMax} bytes`;
    this.end(new TooLarge(`watch ${this.#path}: the events of one revision take more than ${limit}`));
  }

  #dropParts(): void {
    this.#parts = [];
    this.#partsBytes = 0;
  }

  #receive(events: readonly Event[], position: number): void {
    for (const event of events) {
      const wire = event.entry;
      if (wire === undefined || Number(wire.modRevision) <= position) continue;
      const put = event.kind === EventKind.PUT;
      this.#push(
        {
          kind: put ? "put" : "delete",
          path: wire.path,
          entry: put ? new Entry(wire) : undefined,
          previous: entryOf(event.previous),
          revision: Number(wire.modRevision),
          initial: false,
          synthesized: false,
        },
        valueBytes(event),
      );
    }
  }

  /** Everything up to `revision` was delivered, and nothing for a while. */
  progress(revision: number): void {
    if (this.#paused || this.#position === undefined || this.#over !== undefined) return;
    this.#reached(revision);
    if (this.#options.progress !== true) return;
    // A consumer that lags needs the last mark only.
    const last = this.#buffer.at(-1);
    const mark: WatchProgress = { kind: "progress", revision: this.#position };
    if (last?.kind === "progress") this.#buffer[this.#buffer.length - 1] = mark;
    else this.#push(mark, 0);
  }

  #reached(revision: number): void {
    if (this.#position === undefined || revision <= this.#position) return;
    this.#position = revision;
  }

  /** Ends the iteration once the buffer is empty: with `error`, or as done. */
  end(error: QuorateError | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    this.#served();
    this.#forget?.();
    this.#initialEntries = [];
    this.#dropParts();
    for (const waiter of this.#waiters.splice(0)) {
      if (error === undefined) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(error);
    }
    this.#feed.remove(this);
  }

  next(): Promise<IteratorResult<Delivered>> {
    const event = this.#buffer[this.#head];
    if (event !== undefined) {
      this.#taken(event);
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#over !== undefined) {
      const { error } = this.#over;
      // The error is thrown once; an iterator that was told is done.
      this.#over = { error: undefined };
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<Delivered>> {
    this.#leftAt ??= { revision: this.revision };
    this.#buffer = [];
    this.#head = 0;
    this.end(undefined);
    // Whoever left the loop is not interested in why it would have ended.
    this.#over = { error: undefined };
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #push(event: Delivered, valueBytes: number): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: event });
      return;
    }
    this.#buffer.push(event);
    this.#bufferBytes += eventOverheadBytes + valueBytes;
  }

  #taken(event: Delivered): void {
    this.#head += 1;
    this.#bufferBytes -= eventOverheadBytes + (event.kind === "progress" ? 0 : valueBytes(event));
    if (this.#head === this.#buffer.length) {
      this.#buffer = [];
      this.#head = 0;
      this.#bufferBytes = 0;
    } else if (this.#head >= 1_024) {
      this.#buffer = this.#buffer.slice(this.#head);
      this.#head = 0;
    }
    // Resumed at half, so that a consumer as fast as the server does not pause at every event.
    if (this.#paused && this.#bufferedEvents <= bounds.watchBufferEventsMax / 2 && this.#halfBytes) {
      this.#paused = false;
      if (this.#over === undefined) this.#feed.resume(this);
    }
  }

  get #bufferedEvents(): number {
    return this.#buffer.length - this.#head;
  }

  get #halfBytes(): boolean {
    return this.#bufferBytes <= bounds.watchBufferBytesMax / 2;
  }

  #checkBounds(): void {
    if (this.#paused) return;
    if (
      this.#bufferedEvents < bounds.watchBufferEventsMax &&
      this.#bufferBytes < bounds.watchBufferBytesMax
    ) {
      return;
    }
    this.#paused = true;
    this.#served();
    this.#feed.pause(this);
  }
}

/** The kinds that a server need not send. */
function excludedBy(wanted: WatchOptions["events"]): EventKind[] {
  if (wanted === undefined) return [];
  return [
    ...(wanted.includes("put") ? [] : [EventKind.PUT]),
    ...(wanted.includes("delete") ? [] : [EventKind.DELETE]),
  ];
}

function valueBytes({ entry, previous }: Pick<Event, "entry" | "previous"> | WatchEvent): number {
  return (entry?.value.length ?? 0) + (previous?.value.length ?? 0);
}
