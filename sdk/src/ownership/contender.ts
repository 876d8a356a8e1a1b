import {
  Cancelled,
  Closed,
  DeadlineExceeded,
  Fenced,
  HistoryChanged,
  OutcomeUnknown,
  QuorateError,
  SessionExpired,
} from "../errors/quorate-error.js";
import type { Ownership } from "../kv/options.js";
import { onAbort } from "../process/abort-listeners.js";
import { after } from "../process/long-timer.js";
import { OwnEntry } from "./own-entry.js";
import { disturbedPauseMs, isPassing, patiently, pause } from "./patience.js";
import { placeInQueue, type QueueEntry } from "./queue.js";
import type { AcquireOptions, QueueClient } from "./queue-client.js";

/**
 * One entry in the queue for a key, from the moment it owns the key. The queue is the key's subtree: every contender
 * puts a sequential entry on its session, and the first entry is the owner; its create revision is the fencing token.
 * Everyone watches its own entry, which somebody may delete, and who waits the entry right before it, so that a release
 * wakes one contender, not all.
 */
export class Contender implements Ownership {
  readonly key: string;
  readonly token: number;
  /** Path of its entry. */
  readonly path: string;
  readonly #client: QueueClient;
  readonly #lost = new AbortController();
  readonly #own: OwnEntry;
  readonly #unsubscribe: () => void;
  #released: Promise<void> | undefined;

  private constructor(client: QueueClient, { key, path, token }: QueueEntry, own: OwnEntry) {
    this.#client = client;
    this.#own = own;
    this.key = key;
    this.path = path;
    this.token = token;
    this.#unsubscribe = client.onLapse((reason) => this.#lose(reason));
    if (client.lapsed) {
      this.#lose(new SessionExpired(`${key}: the session may have expired while the ownership was acquired`));
    }
    own.onGone = ({ error }) => {
      if (error === undefined) this.#lose(new Fenced(`${key}: the entry ${path} of this owner was deleted`));
      else if (error instanceof Closed) this.#lose(error);
      else this.#lose(new Fenced(`${key}: cannot watch this owner's entry`, { cause: error }));
    };
  }

  /**
   * Queues for `key` and resolves once its entry is the first. Rejects, and leaves the queue, when the signal is
   * aborted (Cancelled), the time is over (DeadlineExceeded), or the entry was deleted by somebody (Fenced).
   */
  static async acquire(
    client: QueueClient,
    key: string,
    value: string | Uint8Array,
    options: AcquireOptions,
  ): Promise<Contender> {
    const stop = new AbortController();
    const abort = (): void =>
      stop.abort(new Cancelled(`${key}: aborted while waiting`, { cause: options.signal?.reason }));
    const lapse = client.onLapse((reason) => {
      // One that only may have expired may also come back: the place in the queue is looked at before it counts.
      if (client.state === "expired" || client.state === "closed") stop.abort(reason);
    });
    if (options.signal?.aborted) abort();
    const forget = options.signal === undefined ? undefined : onAbort(options.signal, abort);
    const { timeoutMs = Number.POSITIVE_INFINITY } = options;
    const timer = after(timeoutMs, () => {
      stop.abort(new DeadlineExceeded(`${key}: not acquired within ${timeoutMs} ms`));
    });
    try {
      const entry = await enter(client, key, value, stop);
      const own = new OwnEntry(client, entry);
      own.onGone = ({ error }) => stop.abort(error ?? deletedWhileWaiting(entry));
      try {
        await waitForTurn(client, entry, stop.signal);
        stop.signal.throwIfAborted();
        return new Contender(client, entry, own);
      } catch (error) {
        own.stop();
        leaveInBackground(client, entry.path);
        throw error;
      }
    } catch (error) {
      // What the stopping itself broke off is not the reason.
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      timer.cancel();
      lapse();
      forget?.();
    }
  }

  /** Aborted once the ownership ended or may have: released, session expired or perhaps expired, or entry deleted. */
  get signal(): AbortSignal {
    // Looks at the session's clock, so that a process that was paused sees it even before its timers run.
    this.#client.lapsed;
    return this.#lost.signal;
  }

  /**
   * Gives the ownership up. Resolves when the entry is gone: a session that expired has taken it along, whatever became
   * of the delete, and one that was closed takes it along, by its TTL at the latest.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#lose(new Closed(`${this.key}: released`));
    const { requestTimeoutMs } = this.#client;
    await untilDeadline(leave(this.#client, this.path), requestTimeoutMs, () => {
      const message = `release ${this.key}: no answer within ${requestTimeoutMs} ms; it goes on in the background`;
      return new OutcomeUnknown(message, { cause: this.#client.trouble(message) });
    });
  }

  #lose(reason: QuorateError): void {
    this.#lost.abort(reason);
    this.#unsubscribe();
    this.#own.stop();
  }
}

/** Puts the queue entry. Never leaves one behind unnoticed. */
async function enter(
  client: QueueClient,
  key: string,
  value: string | Uint8Array,
  stop: AbortController,
): Promise<QueueEntry> {
  stop.signal.throwIfAborted();
  // Without a deadline of its own, the put is repeated until its outcome is known or the session over: giving it up
  // half-way could leave an entry in the queue that blocks everyone behind it for as long as the session lives.
  const entered = client.put(key, value, {
    sequential: true,
    lease: "session",
    timeoutMs: Number.POSITIVE_INFINITY,
  });
  try {
    const { requestTimeoutMs } = client;
    const refusal = (): QuorateError => {
      const message = `${key}: not queued within ${requestTimeoutMs} ms`;
      return client.trouble(message) ?? new DeadlineExceeded(message);
    };
    const put = await untilDeadline(entered, requestTimeoutMs, refusal, stop.signal);
    return { key, path: put.path, token: put.revision };
  } catch (error) {
    entered.then(
      (put) => leaveInBackground(client, put.path),
      () => undefined,
    );
    throw error;
  }
}

function deletedWhileWaiting({ key, path }: QueueEntry): Fenced {
  return new Fenced(`${key}: the entry ${path} was deleted while it waited in the queue`);
}

/** Resolves once the entry was seen to be the first. */
async function waitForTurn(client: QueueClient, entry: QueueEntry, signal: AbortSignal): Promise<void> {
  for (;;) {
    const place = await patiently(() => placeInQueue(client, entry, signal), signal);
    if (!place.present) throw deletedWhileWaiting(entry);
    const { predecessor, revision } = place;
    if (predecessor === undefined) {
      if (!client.lapsed) return;
      // The entry is the first, but the session lives on borrowed time: own it once a keepalive was answered.
      await pause(lapsedPauseMs);
      signal.throwIfAborted();
      continue;
    }
    await patiently(() => waitForDelete(client, predecessor, revision + 1, signal), signal);
    // The predecessor may just have given up, with others still before it: look again.
  }
}

/** Pause before the own session's clock is looked at again, in milliseconds. */
const lapsedPauseMs = 50;

async function waitForDelete(
  client: QueueClient,
  path: string,
  fromRevision: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const event of client.watch(path, { fromRevision, signal })) {
      if (event.kind === "delete") return;
    }
  } catch (error) {
    // History up to now is gone: the caller looks at the queue again, which tells as much.
    if (error instanceof QuorateError && error.code === "COMPACTED") return;
    throw error;
  }
}

async function leave(client: QueueClient, path: string): Promise<void> {
  for (;;) {
    try {
      await client.delete(path, { timeoutMs: Number.POSITIVE_INFINITY });
      return;
    } catch (error) {
      if (endsWithSession(error)) return;
      // It did not happen. Left to itself, the entry would block all behind it for as long as the session lives.
      if (!isPassing(error)) throw error;
    }
    await pause(disturbedPauseMs);
  }
}

/**
 * Whether a delete failed because the session is over, which took the entry along or will by its TTL. Then it does not
 * matter what became of a delete that was under way: the entry is on the session, and nobody puts it there again.
 */
function endsWithSession(error: unknown): boolean {
  const reason = error instanceof OutcomeUnknown ? error.cause : error;
  return reason instanceof SessionExpired || reason instanceof HistoryChanged || reason instanceof Closed;
}

function leaveInBackground(client: QueueClient, path: string): void {
  leave(client, path).catch(() => undefined);
}

/** Waits for `work`, but no longer than `timeoutMs` or the signal; the work itself goes on. */
function untilDeadline<T>(
  work: Promise<T>,
  timeoutMs: number,
  timeoutError: () => QuorateError,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      forget?.();
      end();
    };
    const abort = (): void => settle(() => reject(signal?.reason));
    const timer = setTimeout(() => settle(() => reject(timeoutError())), timeoutMs);
    const forget = signal === undefined ? undefined : onAbort(signal, abort);
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
