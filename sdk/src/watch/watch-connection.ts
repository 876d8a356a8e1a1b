import { type Client, type ClientDuplexStream, Metadata, type StatusObject } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  type WatchReply,
  type WatchRequest,
  WatchService,
  type Error as WireError,
} from "@quorate/proto";
import { bounds, type ClientOptions } from "../client/options.js";
import { backoffMs } from "../endpoints/backoff.js";
import { channelReady, openChannel } from "../endpoints/channel.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { InterruptiblePause } from "../endpoints/interruptible-pause.js";
import {
  Cancelled,
  Closed,
  HistoryChanged,
  Internal,
  InvalidArgument,
  QuorateError,
} from "../errors/quorate-error.js";
import { errorOfWire, failureOfStatus } from "../errors/wire-error.js";
import { checkWatchOptions } from "./watch-options.js";
import { Watcher, type WatcherOptions, type WatchFeed } from "./watcher.js";

const watchMethod = grpcServiceDefinition(WatchService).watch;

interface Stream {
  readonly endpoint: string;
  readonly channel: Client;
  readonly call: ClientDuplexStream<WatchRequest, WatchReply>;
}

/**
 * The client's watches: all on one stream, on a channel of its own so that a flood of events never delays an answer.
 * A stream that breaks is replaced at another endpoint, and every watch goes on after its last event.
 */
export class WatchConnection implements WatchFeed {
  readonly #pool: EndpointPool;
  readonly #options: ClientOptions;
  readonly #served: (endpoint: string) => void;
  /** Active watches by their id on the stream; a watch gets a new id each time it is started. */
  readonly #active = new Map<bigint, Watcher>();
  readonly #ids = new Map<Watcher, bigint>();
  /** Watches that are not over and not paused: what a new stream must start. */
  readonly #wanted = new Set<Watcher>();
  readonly #retries = new Map<Watcher, NodeJS.Timeout>();
  #stream: Stream | undefined;
  /**
   * Where watches were not served since any were, to be tried after all others: nodes that take connections and have no
   * quorum would otherwise come before those that could not be reached for a while.
   */
  readonly #avoided = new Set<string>();
  /** Endpoints whose nodes are of another history, since one of the client's own served watches. */
  readonly #strangers = new Set<string>();
  /** How often in a row they were not. */
  #unserved = 0;
  #connecting = false;
  #closed = false;
  #nextId = 1n;
  readonly #retryPause = new InterruptiblePause();

  /** `served` is told which endpoint serves watches, again and again while it does. */
  constructor(pool: EndpointPool, options: ClientOptions, served: (endpoint: string) => void) {
    this.#served = served;
    this.#pool = pool;
    this.#options = options;
  }

  watch(path: string, options: WatcherOptions): Watcher {
    checkWatchOptions(options);
    const watcher = new Watcher(path, options, this);
    if (this.#closed) watcher.end(new Closed("the client is closed"));
    else if (options.signal?.aborted) {
      watcher.end(new Cancelled(`watch ${path}: aborted`, { cause: options.signal.reason }));
    } else if (!this.#endsForHistory(watcher)) this.resume(watcher);
    return watcher;
  }

  /** Ends a watch whose application goes on from another history than the client. */
  #endsForHistory(watcher: Watcher): boolean {
    try {
      this.#pool.history.named(watcher.wanted);
      return false;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      watcher.end(error);
      return true;
    }
  }

  /** Ends every watch with `reason`. */
  close(reason: QuorateError): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watcher of [...this.#wanted]) watcher.end(reason);
    this.#disconnect();
    this.#retryPause.wake();
  }

  pause(watcher: Watcher): void {
    this.#wanted.delete(watcher);
    this.#cancel(watcher);
  }

  resume(watcher: Watcher): void {
    if (this.#closed) {
      watcher.end(new Closed("the client is closed"));
      return;
    }
    this.#wanted.add(watcher);
    watcher.unserved();
    if (this.#stream !== undefined) this.#start(this.#stream, watcher);
    else if (!this.#connecting) void this.#connect();
  }

  remove(watcher: Watcher): void {
    this.#wanted.delete(watcher);
    this.#cancel(watcher);
    clearTimeout(this.#retries.get(watcher));
    this.#retries.delete(watcher);
    // Nothing is watched any more: an idle stream would only keep the process alive.
    if (this.#wanted.size === 0 && this.#active.size === 0) this.#disconnect();
  }

  async #connect(): Promise<void> {
    this.#connecting = true;
    // Those that are known to be strangers come after all others: what these say decides.
    const isAvoided = (endpoint: string): boolean =>
      (this.#strangers.size > 0 ? this.#strangers : this.#avoided).has(endpoint);
    try {
      attempts: for (let round = 0; !this.#closed && this.#wanted.size > 0; round += 1) {
        for (const endpoint of this.#pool.candidates(performance.now(), undefined, isAvoided)) {
          if (this.#closed || this.#wanted.size === 0 || (await this.#open(endpoint))) break attempts;
        }
        await this.#retryPause.wait(
          Math.max(
            backoffMs(round, this.#options.backoff, Math.random),
            this.#pool.waitMs(performance.now()),
          ),
        );
      }
    } finally {
      this.#connecting = false;
    }
    // A watch may have come, or the new stream have gone, while the attempt was being wound up.
    if (!this.#closed && this.#stream === undefined && this.#wanted.size > 0) void this.#connect();
  }

  async #open(endpoint: string): Promise<boolean> {
    const channel = openChannel(endpoint);
    try {
      await channelReady(channel, endpoint, bounds.dialTimeoutMs);
    } catch (error) {
      channel.close();
      this.#pool.failed(endpoint, performance.now());
      if (error instanceof QuorateError) for (const watcher of this.#wanted) watcher.unserved(error);
      return false;
    }
    if (this.#closed || this.#wanted.size === 0) {
      channel.close();
      return true;
    }
    const call = channel.makeBidiStreamRequest(
      watchMethod.path,
      watchMethod.requestSerialize,
      watchMethod.responseDeserialize,
      new Metadata(),
      {},
    );
    const stream: Stream = { endpoint, channel, call };
    call.on("data", (reply: WatchReply) => this.#receive(stream, reply));
    call.on("error", () => undefined);
    call.on("status", (status: StatusObject) => setImmediate(() => this.#broken(stream, status)));
    this.#stream = stream;
    for (const watcher of this.#wanted) this.#start(stream, watcher);
    return true;
  }

  #start(stream: Stream, watcher: Watcher): void {
    if (this.#retries.has(watcher)) return;
    const watchId = this.#nextId++;
    try {
      const request: WatchRequest = {
        $typeName: "quorate.v1.WatchRequest",
        request: { case: "create", value: watcher.create(watchId, this.#pool.history.named(watcher.wanted)) },
      };
      // What cannot be encoded would break the stream, and with it every other watch.
      watchMethod.requestSerialize(request);
      this.#active.set(watchId, watcher);
      this.#ids.set(watcher, watchId);
      stream.call.write(request);
    } catch (error) {
      if (error instanceof HistoryChanged) watcher.end(error);
      else watcher.end(new InvalidArgument(`watch ${watcher.path}: ${String(error)}`, { cause: error }));
    }
  }

  #cancel(watcher: Watcher): void {
    const watchId = this.#ids.get(watcher);
    if (watchId === undefined) return;
    this.#forget(watchId, watcher);
    this.#stream?.call.write({
      $typeName: "quorate.v1.WatchRequest",
      request: { case: "cancel", value: { $typeName: "quorate.v1.WatchCancel", watchId } },
    });
  }

  #forget(watchId: bigint, watcher: Watcher): void {
    this.#active.delete(watchId);
    if (this.#ids.get(watcher) === watchId) this.#ids.delete(watcher);
  }

  #receive(stream: Stream, { watchId, reply, historyId }: WatchReply): void {
    if (stream !== this.#stream) return;
    const watcher = this.#active.get(watchId);
    if (watcher !== undefined && reply.case !== "ended") {
      const strange = this.#pool.history.strange(historyId, watcher.named, stream.endpoint);
      if (strange !== undefined) {
        this.#stranger(stream, watcher, strange);
        return;
      }
      watcher.told(historyId);
    }
    // Such a reply shows that the endpoint serves watches; an open connection alone does not.
    if (reply.case !== "ended") {
      this.#pool.succeeded(stream.endpoint);
      this.#served(stream.endpoint);
      this.#avoided.clear();
      this.#strangers.clear();
      this.#unserved = 0;
    }
    if (watcher === undefined) return;
    switch (reply.case) {
      case "created":
        watcher.created(Number(reply.value.revision));
        return;
      case "initial":
        watcher.initial(reply.value);
        return;
      case "events":
        watcher.events(reply.value);
        return;
      case "progress":
        watcher.progress(Number(reply.value.revision));
        return;
      case "ended":
        this.#forget(watchId, watcher);
        this.#ended(stream, watcher, reply.value.error);
        return;
      case undefined:
        return;
    }
  }

  /** A server ended a watch that nobody cancelled here. */
  #ended(stream: Stream, watcher: Watcher, wire: WireError | undefined): void {
    const error =
      wire === undefined ? new Internal(`watch ${watcher.path}: ended without a reason`) : errorOfWire(wire);
    switch (error.code) {
      case "NO_QUORUM":
      case "UNAVAILABLE":
        // This node is no place to watch from: take every watch elsewhere. Without a quorum it still serves other calls.
        if (error.code === "UNAVAILABLE") this.#pool.failed(stream.endpoint, performance.now());
        this.#replace(stream, error);
        return;
      case "HISTORY_CHANGED":
        this.#stranger(stream, watcher, error);
        return;
      case "CANCELLED":
      case "OVERLOADED":
        // Too slow for the server's buffer: what was received is safe, go on after it.
        this.#restartLater(watcher, error);
        return;
      case "FUTURE_REVISION":
        if (this.#mayCatchUp(watcher)) this.#restartLater(watcher, error);
        else watcher.end(error);
        return;
      case "COMPACTED":
        if (watcher.beginsAgain()) this.#restartLater(watcher, error);
        else watcher.end(error);
        return;
      default:
        watcher.end(error);
    }
  }

  /**
   * A node is of another history than a watch goes on in. It may be there by mistake, beside those of the client's own:
   * every watch goes elsewhere. Where all nodes are strangers, nobody can go on.
   */
  #stranger(stream: Stream, watcher: Watcher, error: QuorateError): void {
    if (watcher.named !== this.#pool.history.id) {
      // What this one goes on from came from its application: the others are none the wiser.
      watcher.end(error);
      return;
    }
    this.#strangers.add(stream.endpoint);
    if (this.#pool.endpoints.every((endpoint) => this.#strangers.has(endpoint))) {
      for (const each of [...this.#wanted]) each.end(error);
    } else this.#replace(stream, error);
  }

  /**
   * Whether a revision called future may just be news that the asked node has not heard yet. Surely so for a watch
   * that has received events; else for as long as a request may take.
   */
  #mayCatchUp(watcher: Watcher): boolean {
    const nowMs = performance.now();
    watcher.futureSinceMs ??= nowMs;
    return watcher.started || nowMs - watcher.futureSinceMs < this.#options.requestTimeoutMs;
  }

  #restartLater(watcher: Watcher, reason: QuorateError): void {
    watcher.unserved(reason);
    // Half of the bound to the bound: no retry at once, whatever the jitter.
    const { maxMs } = this.#options.backoff;
    const delayMs =
      Math.min(maxMs, 50) / 2 + backoffMs(0, { baseMs: Math.min(maxMs, 50), maxMs }, Math.random) / 2;
    const timer = setTimeout(() => {
      this.#retries.delete(watcher);
      if (!watcher.over && this.#wanted.has(watcher)) this.resume(watcher);
    }, delayMs);
    this.#retries.set(watcher, timer);
  }

  #broken(stream: Stream, status: StatusObject): void {
    if (stream !== this.#stream) return;
    const { error } = failureOfStatus(status, stream.endpoint);
    if (error.code === "INVALID_ARGUMENT") {
      // The request itself is at fault: it would break every stream.
      for (const watcher of [...this.#wanted]) watcher.end(error);
      return;
    }
    this.#pool.failed(stream.endpoint, performance.now());
    this.#replace(stream, error);
  }

  #replace(stream: Stream, reason: QuorateError): void {
    if (stream !== this.#stream) return;
    this.#avoided.add(stream.endpoint);
    this.#unserved += 1;
    this.#disconnect();
    for (const watcher of this.#wanted) watcher.unserved(reason);
    if (!this.#closed && !this.#connecting && this.#wanted.size > 0) void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    this.#connecting = true;
    await this.#retryPause.wait(backoffMs(this.#unserved - 1, this.#options.backoff, Math.random));
    this.#connecting = false;
    if (!this.#closed && this.#stream === undefined) await this.#connect();
  }

  #disconnect(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#active.clear();
    this.#ids.clear();
    if (stream === undefined) return;
    stream.call.cancel();
    stream.channel.close();
  }
}
