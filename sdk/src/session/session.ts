import type { SessionReply } from "@quorate/proto";
import { bounds, type CallOptions, type ClientOptions, type ConnectionState } from "../client/options.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { InterruptiblePause } from "../endpoints/interruptible-pause.js";
import {
  Cancelled,
  Closed,
  HistoryChanged,
  InvalidArgument,
  type MutationId,
  OutcomeUnknown,
  type QuorateError,
  SessionExpired,
  TooLarge,
  Unavailable,
} from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import type { CallFailure } from "../errors/wire-error.js";
import { KeepAlives } from "../lease/keep-alives.js";
import { LeaseKeeper } from "../lease/lease-keeper.js";
import type { Renewal, Renewer, RenewOptions } from "../lease/renewer.js";
import { giveUpOnAbort } from "./abort.js";
import { type Dialled, dial } from "./dialer.js";
import { Mover } from "./mover.js";
import { dialNewSession } from "./opening.js";
import {
  converted,
  type OperationRequest,
  type OperationResponse,
  type OperationRunner,
  operationBytes,
} from "./operation.js";
import { OperationQueue } from "./operation-queue.js";
import { SessionStates } from "./session-states.js";
import type { Hello, SessionStream, StreamHandlers } from "./session-stream.js";

/** Part of a keepalive's patience that a node must have been silent for: timers are never exact. */
const silentShare = 0.75;

/**
 * A session: one stream at a time, replaced when it breaks, and the operations that outlive it. What is issued in one
 * turn of the event loop goes in one message. Keepalives go by a way of their own, so that no operation is before them.
 *
 * Invariant: the session is known to be over at the first answer that says so, and its own clock, which is ahead of the
 * servers', says no later than they do that it may be.
 */
export class Session implements OperationRunner, Renewer {
  readonly #pool: EndpointPool;
  readonly #options: ClientOptions;
  readonly #queue: OperationQueue;
  readonly #handlers: StreamHandlers;
  readonly #mover: Mover;
  readonly #keepAlives: KeepAlives;
  readonly #lapseListeners = new Set<(reason: QuorateError) => void>();
  readonly #lost = new AbortController();
  readonly #states: SessionStates;
  readonly #retryPause = new InterruptiblePause();
  #sessionId = 0;
  #current: SessionStream | undefined;
  #keeper: LeaseKeeper | undefined;
  #flushScheduled = false;
  #ticker: NodeJS.Timeout | undefined;
  /** Why there is no stream, or why the servers refuse. */
  #trouble: QuorateError | undefined;
  #closing = false;
  #closed: Promise<void> | undefined;
  /** Why the session is over; undefined while it is not. */
  #endReason: QuorateError | undefined;
  #onGoodbye: (() => void) | undefined;
  #onDrained: (() => void) | undefined;

  private constructor(pool: EndpointPool, options: ClientOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#states = new SessionStates(options.onStateChange);
    this.#queue = new OperationQueue({
      mutationId: (sequence) => this.#mutationId(sequence),
      pendingMax: bounds.pendingOperationsMax,
      doubtSpanMax: bounds.doubtSpanMax,
      backoff: options.backoff,
      random: Math.random,
    });
    this.#handlers = {
      onHistory: (told, named, endpoint) => pool.history.strange(told, named, endpoint),
      onReply: (stream, reply) => this.#replied(stream, reply),
      onDrain: (stream) => {
        if (stream === this.#current) this.#flush();
      },
      onUnsendable: ({ sequence, operation }, cause) => {
        const error = new InvalidArgument(`${operation.case}: it cannot be sent: ${String(cause)}`, {
          cause,
        });
        this.#queue.unsendable(Number(sequence), error);
      },
      onEnd: (stream, failure) => this.#streamEnded(stream, failure),
    };
    this.#mover = new Mover({
      pool,
      handlers: this.#handlers,
      hello: () => this.#hello,
      current: () => this.#current?.endpoint,
      adopt: (dialled) => this.#adopt(dialled),
      expired: (error) => this.#expire(error),
    });
    this.#keepAlives = new KeepAlives(pool, options.backoff, () => this.#current?.endpoint);
  }

  /**
   * Creates a session at some endpoint. Rejects with NoQuorum, Unavailable or DeadlineExceeded after
   * `connectTimeoutMs`, with Cancelled when `signal` is aborted.
   */
  static async open(
    pool: EndpointPool,
    options: ClientOptions,
    signal: AbortSignal | undefined,
  ): Promise<Session> {
    const session = new Session(pool, options);
    session.#begin(await dialNewSession(pool, options, session.#handlers, signal));
    return session;
  }

  get sessionId(): number {
    return this.#sessionId;
  }

  get state(): ConnectionState {
    return this.#states.current;
  }

  /** Why the session does not work now: no stream, or a node that refuses. Undefined when it works. */
  get trouble(): QuorateError | undefined {
    return this.#trouble;
  }

  /** Aborted once: when the session ended or first may have, whichever comes first. */
  get lostSignal(): AbortSignal {
    // Looks at the clock, so that a process that was paused sees it even before its timers run.
    this.#keeper?.lapsed;
    return this.#lost.signal;
  }

  /** Whether the session may have expired, by the client's own clock. */
  get lapsed(): boolean {
    return this.#keeper === undefined || this.#keeper.lapsed;
  }

  /** Calls `listener` whenever the session ended or may have; the returned function unsubscribes. */
  onLapse(listener: (reason: QuorateError) => void): () => void {
    this.#lapseListeners.add(listener);
    return () => this.#lapseListeners.delete(listener);
  }

  run<T>(
    request: OperationRequest,
    convert: (response: OperationResponse) => T,
    options: CallOptions,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const refusal = this.#refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const bytes = operationBytes(request);
      if (bytes > bounds.operationBytesMax) {
        reject(new TooLarge(`${request.case}: about ${bytes} bytes, at most ${bounds.operationBytesMax}`));
        return;
      }
      const { signal } = options;
      if (signal?.aborted) {
        reject(new Cancelled(`${request.case}: aborted before it was sent`, { cause: signal.reason }));
        return;
      }
      if (this.#queue.isFull) {
        // Not in this turn: a loop that tries again at once would let nothing else run, keepalives included.
        setImmediate(() => reject(this.#queue.overloaded()));
        return;
      }
      const operation = this.#queue.add(
        {
          request,
          bytes,
          timeoutMs: options.timeoutMs ?? this.#options.requestTimeoutMs,
          succeed: (response) => {
            try {
              const mutation = this.#mutationId(operation.sequence);
              resolve(converted(request, response, convert, mutation));
            } catch (error) {
              if (error instanceof OutcomeUnknown) this.#queue.doubt(operation.sequence);
              reject(error);
            }
          },
          fail: reject,
        },
        performance.now(),
      );
      this.#scheduleFlush();
      this.#startTicking();
      if (signal !== undefined) giveUpOnAbort(this.#queue, operation, signal);
    });
  }

  /** Renews a lease, this session or another one, for as long as the session is not over. */
  async renew(leaseId: number, options: RenewOptions): Promise<Renewal> {
    const refusal = this.#refusal();
    // While it closes the session is to live: what is under way ends well.
    if (refusal instanceof HistoryChanged) return { ttlMs: 0, sentAtMs: performance.now(), changed: refusal };
    if (refusal !== undefined && this.#states.over) throw refusal;
    const renewal = await this.#keepAlives.renew(leaseId, options);
    this.#leaveIfSilent(options.patienceMs);
    return renewal;
  }

  /**
   * Others answer, and the node of the present stream does not, on neither of its connections, for about as long as a
   * keepalive waits for it: it hangs, and so does every operation that it owes.
   */
  #leaveIfSilent(patienceMs: number): void {
    const stream = this.#current;
    if (stream === undefined || this.#closing) return;
    const silentMs = Math.min(
      this.#keepAlives.silentMs(stream.endpoint),
      performance.now() - stream.heardAtMs,
    );
    if (silentMs < patienceMs * silentShare) return;
    stream.destroy(new Unavailable(`${stream.endpoint}: no sign of life for ${Math.round(silentMs)} ms`));
  }

  /** The sequence of the next operation: what is asked about was given before. */
  get nextSequence(): number {
    return this.#queue.nextSequence;
  }

  /** Whether a mutation is one of this session. */
  isOwn({ sessionId, history }: MutationId): boolean {
    return sessionId === this.#sessionId && (history === undefined || history === this.#pool.history.id);
  }

  #mutationId(sequence: number): MutationId {
    const { id } = this.#pool.history;
    return { sessionId: this.#sessionId, sequence, ...(id === "" ? {} : { history: id }) };
  }

  get #hello(): Hello {
    const { sessionTtlMs: ttlMs } = this.#options;
    return { sessionId: this.#sessionId, ttlMs, historyId: this.#pool.history.id };
  }

  /** Whether an operation still waits for its answer. */
  isPending(sequence: number): boolean {
    return this.#queue.isPending(sequence);
  }

  /** Nobody will ask any more what became of a mutation that was given up: its result may be forgotten. */
  settleDoubt(sequence: number): void {
    this.#queue.settleDoubt(sequence);
  }

  /**
   * Ends the session: waits a bounded time for outstanding operations, then for the session's end, so that its keys
   * and locks are free at once. Never rejects; without a stream the session ends by its TTL.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    if (!this.#states.over) await this.#finish();
    this.#end("closed", new Closed("the client was closed"));
  }

  async #finish(): Promise<void> {
    const deadlineMs = performance.now() + bounds.closeTimeoutMs;
    await this.#until((done) => {
      if (this.#queue.size === 0) done();
      this.#onDrained = done;
    }, deadlineMs);
    const stream = this.#current;
    if (stream === undefined) return;
    stream.sendClose(this.#queue.lowestPending);
    await this.#until((done) => {
      this.#onGoodbye = done;
    }, deadlineMs);
  }

  async #until(arm: (done: () => void) => void, deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineMs - performance.now()));
      arm(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #refusal(): QuorateError | undefined {
    if (this.#closing) return new Closed("the client is closed");
    if (this.#states.over) {
      const cause = this.#endReason;
      if (cause instanceof HistoryChanged) return new HistoryChanged(cause.message, { cause });
      return new SessionExpired(`session ${this.#sessionId} expired: connect again for a new one`);
    }
    return undefined;
  }

  #begin(dialled: Dialled): void {
    const { welcome, askedAtMs } = dialled;
    this.#sessionId = Number(welcome.sessionId);
    this.#keeper = new LeaseKeeper({
      renewer: this,
      leaseId: this.#sessionId,
      ttlMs: Number(welcome.ttlMs),
      sentAtMs: askedAtMs,
      onLapse: () => this.#lapsed(),
      onGone: (changed) =>
        this.#expire(changed ?? new SessionExpired(`session ${this.#sessionId} does not exist any more`)),
    });
    this.#adopt(dialled);
  }

  /** Makes a welcomed stream the current one. The one before, if any, delivers what it still owes. */
  #adopt({ stream, welcome }: Dialled): void {
    if (this.#closing || this.#states.over) {
      stream.destroy(new Closed("the session is over"));
      return;
    }
    if (stream.ended) {
      // It broke between its welcome and now, when nobody was listening.
      if (this.#current === undefined) void this.#reconnect(stream.endpoint);
      return;
    }
    const previous = this.#current;
    this.#current = stream;
    this.#trouble = undefined;
    this.#pool.learn(stream.endpoint);
    if (previous !== undefined) this.#retire(previous);
    if (this.#states.connected() === "resumed") this.#keeper?.renew();
    this.#flush();
    this.#hinted(welcome.leaderEndpoint);
  }

  #retire(stream: SessionStream): void {
    if (!this.#queue.owes(stream)) {
      stream.destroy(new Unavailable("replaced by another stream"));
      return;
    }
    stream.halfClose();
    setTimeout(
      () => stream.destroy(new Unavailable("replaced by another stream")),
      bounds.drainTimeoutMs,
    ).unref();
  }

  #hinted(leaderEndpoint: string): void {
    if (leaderEndpoint !== "" && this.#options.followLeader) this.#mover.towards(leaderEndpoint);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // The check phase follows the poll phase: everything that this turn's replies and their continuations issue is
    // in the batch, and an idle process waits for nothing.
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const stream = this.#current;
    if (stream === undefined) return;
    const nowMs = performance.now();
    while (this.#queue.hasReady && stream.writable) {
      const batch = this.#queue.take(stream, bounds.batchOperationsMax, bounds.batchBytesMax, nowMs);
      if (batch.length > 0) stream.send(batch, this.#queue.lowestPending);
    }
  }

  #startTicking(): void {
    this.#ticker ??= setInterval(() => this.#tick(), bounds.tickMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#queue.expire(nowMs, this.#trouble);
    this.#queue.releaseRetries(nowMs);
    if (this.#queue.hasReady) this.#flush();
    if (this.#queue.size > 0) return;
    this.#onDrained?.();
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  #replied(stream: SessionStream, reply: SessionReply): void {
    this.#pool.learnMembers(reply.endpoints);
    const { settled, trouble, expired } = this.#queue.answer(stream, reply.results, performance.now());
    if (expired !== undefined) this.#expire(expired);
    if (stream === this.#current) {
      if (trouble !== undefined) {
        this.#trouble = trouble;
        this.#mover.refused();
      } else if (settled > 0) {
        this.#trouble = undefined;
        this.#mover.served();
      }
      this.#hinted(reply.leaderEndpoint);
    }
    if (this.#queue.size === 0) this.#onDrained?.();
  }

  #streamEnded(stream: SessionStream, failure: CallFailure): void {
    this.#queue.streamEnded(stream);
    if (stream !== this.#current) {
      this.#scheduleFlush();
      return;
    }
    this.#current = undefined;
    if (this.#closing) {
      this.#onGoodbye?.();
      return;
    }
    if (failure.error.code === "SESSION_EXPIRED") {
      this.#expire(failure.error);
      return;
    }
    this.#trouble = new Unavailable(`the session's stream broke: ${failure.error.message}`, {
      cause: failure.error,
    });
    this.#states.suspended();
    void this.#reconnect(stream.endpoint);
  }

  /** Dials until the session is welcome somewhere, has expired, or is closed; `broken` last. */
  async #reconnect(broken: string): Promise<void> {
    this.#pool.failed(broken, performance.now());
    const outcome = await dial(this.#pool, this.#options, {
      hello: this.#hello,
      handlers: this.#handlers,
      preferred: this.#mover.leader === broken ? undefined : this.#mover.leader,
      avoided: broken,
      // A move that was under way may have succeeded in the meantime.
      stopped: () => this.#current !== undefined || this.#states.over || this.#closing,
      onTrouble: (error) => {
        this.#trouble =
          this.#trouble?.code === "HISTORY_CHANGED" ? tellingTrouble(this.#trouble, error) : error;
        // Its time is over, and the nodes that answer never knew it: no patience can bring it back.
        if (error.code === "HISTORY_CHANGED" && this.lapsed) this.#expire(error);
      },
      pause: (ms) => this.#retryPause.wait(ms),
    });
    if (outcome.kind === "dialled") this.#adopt(outcome.dialled);
    else if (outcome.kind === "refused") this.#expire(outcome.error);
  }

  #lapsed(): void {
    if (this.#endReason === undefined && this.#trouble?.code === "HISTORY_CHANGED") {
      this.#expire(this.#trouble);
      return;
    }
    const reason =
      this.#endReason ??
      new SessionExpired(
        `session ${this.#sessionId} may have expired: no keepalive was answered within its TTL`,
      );
    this.#lost.abort(reason);
    for (const listener of [...this.#lapseListeners]) listener(reason);
  }

  #expire(error: QuorateError): void {
    if (this.#states.over || this.#closing) return;
    // That it expired would be true and hide why: everything else that was read is gone, too.
    const reason =
      error.code === "HISTORY_CHANGED"
        ? new HistoryChanged(`session ${this.#sessionId} is gone: ${error.message}`, { cause: error })
        : new SessionExpired(`session ${this.#sessionId} expired: ${error.message}`, { cause: error });
    this.#end("expired", reason);
  }

  #end(state: "expired" | "closed", reason: QuorateError): void {
    this.#endReason = reason;
    this.#states.ended(state);
    // Those who went on after a lapse are told too that it is over for good.
    if (this.lapsed) this.#lapsed();
    this.#keeper?.stop();
    this.#keepAlives.close();
    this.#queue.giveUpAll(reason);
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#mover.stop();
    const stream = this.#current;
    this.#current = undefined;
    stream?.destroy(reason);
    this.#retryPause.wake();
    this.#onGoodbye?.();
  }
}
