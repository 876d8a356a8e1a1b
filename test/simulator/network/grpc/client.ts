import { EventEmitter } from "node:events";
import { connectivityState, status as grpcStatus, Metadata } from "@grpc/grpc-js";
import type { Process } from "../../world/process.js";
import { type Cancellable, currentProcess, currentWorld } from "../../world/world.js";
import { currentNetwork } from "../ambient.js";
import type { Connection } from "../connection.js";
import { describe, HELD_MESSAGES_MAX, isLossy, type RemoteServerCall, type Status } from "./frames.js";
import { acceptCall } from "./server.js";

type Serialize = (message: never) => Buffer;
type Deserialize = (bytes: Buffer) => unknown;
type Options = { readonly deadline?: number | Date };

/** A channel to one address. */
export class Client {
  readonly #process: Process = currentProcess();
  readonly #address: string;
  readonly #options: Readonly<Record<string, number>>;
  #state: number = connectivityState.IDLE;
  #connection: Connection | undefined;
  #backoffMs: number;
  #closed = false;
  readonly #calls = new Set<ClientCall>();
  #waiting: ClientCall[] = [];
  #watchers: { readonly from: number; readonly changed: (error?: Error) => void; deadline: Cancellable }[] =
    [];

  constructor(address: string, _credentials: unknown, options: Readonly<Record<string, number>> = {}) {
    this.#address = address;
    this.#options = options;
    this.#backoffMs = this.#option("grpc.initial_reconnect_backoff_ms", 1_000);
  }

  #option(name: string, otherwise: number): number {
    return this.#options[name] ?? otherwise;
  }

  getChannel(): this {
    return this;
  }

  getConnectivityState(connect: boolean): number {
    if (connect && this.#state === connectivityState.IDLE) this.#connect();
    return this.#state;
  }

  watchConnectivityState(from: number, deadline: number | Date, changed: (error?: Error) => void): void {
    if (this.#state !== from) {
      process.nextTick(changed);
      return;
    }
    const leftMs = Number(deadline) - this.#process.wallMs(currentWorld().nowMs);
    const watcher = {
      from,
      changed,
      deadline: currentWorld().after(leftMs, this.#process, "watch deadline", () => {
        this.#watchers = this.#watchers.filter((each) => each !== watcher);
        changed(new Error("Deadline passed without connectivity state change"));
      }),
    };
    this.#watchers.push(watcher);
  }

  waitForReady(deadline: number | Date, ready: (error?: Error) => void): void {
    const check = (error?: Error): void => {
      if (error !== undefined) ready(error);
      else if (this.getConnectivityState(true) === connectivityState.READY) ready();
      else if (this.#closed) ready(new Error("The channel has been closed"));
      else this.watchConnectivityState(this.#state, deadline, check);
    };
    check();
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close(this.#process, "the client closed its channel");
    this.#connection = undefined;
    for (const call of [...this.#calls, ...this.#waiting.splice(0)]) {
      call.finish({ code: grpcStatus.UNAVAILABLE, details: "Channel closed", metadata: new Metadata() });
    }
    this.#become(connectivityState.SHUTDOWN);
  }

  #become(state: number): void {
    if (this.#state === state) return;
    this.#state = state;
    const told = this.#watchers.filter(({ from }) => from !== state);
    this.#watchers = this.#watchers.filter(({ from }) => from === state);
    for (const { changed, deadline } of told) {
      deadline.cancelled = true;
      process.nextTick(changed);
    }
  }

  #connect(): void {
    this.#become(connectivityState.CONNECTING);
    const keepalive = {
      everyMs: this.#option("grpc.keepalive_time_ms", 7_200_000),
      timeoutMs: this.#option("grpc.keepalive_timeout_ms", 20_000),
    };
    currentNetwork().dial(this.#process, this.#address, keepalive, (connection, problem) => {
      if (this.#closed) {
        connection?.close(this.#process, "not wanted");
        return;
      }
      if (connection === undefined) this.#failed(problem);
      else this.#connected(connection);
    });
  }

  #failed(problem: string): void {
    this.#become(connectivityState.TRANSIENT_FAILURE);
    const details = `No connection established. Last error: ${problem} (${this.#address})`;
    for (const call of this.#waiting.splice(0)) {
      call.finish({ code: grpcStatus.UNAVAILABLE, details, metadata: new Metadata() });
    }
    currentWorld().after(this.#backoffMs, this.#process, "backoff", () => {
      if (this.#state === connectivityState.TRANSIENT_FAILURE) this.#become(connectivityState.IDLE);
    });
    this.#backoffMs = Math.min(this.#backoffMs * 1.6, this.#option("grpc.max_reconnect_backoff_ms", 120_000));
  }

  #connected(connection: Connection): void {
    this.#connection = connection;
    this.#backoffMs = this.#option("grpc.initial_reconnect_backoff_ms", 1_000);
    connection.handle(this.#process, {
      broken: (reason) => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#become(connectivityState.IDLE);
        for (const call of [...this.#calls]) {
          call.finish({
            code: grpcStatus.UNAVAILABLE,
            details: `Connection dropped: ${reason}`,
            metadata: new Metadata(),
          });
        }
      },
    });
    this.#become(connectivityState.READY);
    for (const call of this.#waiting.splice(0)) this.#begin(call, connection);
  }

  #begin(call: ClientCall, connection: Connection): void {
    if (call.over) return;
    this.#calls.add(call);
    call.begin(connection);
  }

  #add(call: ClientCall): void {
    const state = this.getConnectivityState(true);
    if (this.#connection !== undefined) this.#begin(call, this.#connection);
    else if (state === connectivityState.CONNECTING) this.#waiting.push(call);
    else {
      const details = `No connection established (${this.#address})`;
      process.nextTick(() =>
        call.finish({ code: grpcStatus.UNAVAILABLE, details, metadata: new Metadata() }),
      );
    }
  }

  #make(
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    metadata: unknown,
    options: unknown,
  ): ClientCall {
    const call = new ClientCall(
      this.#process,
      path,
      serialize,
      deserialize,
      metadata instanceof Metadata ? metadata : new Metadata(),
      () => this.#calls.delete(call),
    );
    const { deadline } = (options ?? {}) as Options;
    if (deadline !== undefined) {
      call.setDeadline(Number(deadline) - this.#process.wallMs(currentWorld().nowMs));
    }
    this.#add(call);
    return call;
  }

  makeBidiStreamRequest(
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    metadata?: unknown,
    options?: unknown,
  ): ClientCall {
    return this.#make(path, serialize, deserialize, metadata, options);
  }

  makeServerStreamRequest(
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    request: unknown,
    metadata?: unknown,
    options?: unknown,
  ): ClientCall {
    const call = this.#make(path, serialize, deserialize, metadata, options);
    call.write(request);
    call.end();
    return call;
  }

  makeClientStreamRequest(
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    metadata: unknown,
    options: unknown,
    callback?: (error: Error | null, response?: unknown) => void,
  ): ClientCall {
    const done = typeof options === "function" ? (options as typeof callback) : callback;
    const call = this.#make(
      path,
      serialize,
      deserialize,
      metadata,
      typeof options === "function" ? {} : options,
    );
    call.answerTo(done);
    return call;
  }

  makeUnaryRequest(
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    request: unknown,
    metadata: unknown,
    options: unknown,
    callback?: (error: Error | null, response?: unknown) => void,
  ): ClientCall {
    const given = [metadata, options, callback];
    const done = given.find((each) => typeof each === "function") as typeof callback;
    const call = this.#make(
      path,
      serialize,
      deserialize,
      metadata,
      typeof options === "function" ? {} : options,
    );
    call.answerTo(done);
    call.write(request);
    call.end();
    return call;
  }
}

/** The client's side of one call. */
class ClientCall extends EventEmitter {
  readonly #process: Process;
  readonly #path: string;
  readonly #serialize: Serialize;
  readonly #deserialize: Deserialize;
  readonly #metadata: Metadata;
  readonly #forget: () => void;
  #connection: Connection | undefined;
  #remote: RemoteServerCall | undefined;
  #early: (() => void)[] = [];
  #over = false;
  #ended = false;
  #hasInitial = false;
  #deadline: Cancellable | undefined;
  #callback: ((error: Error | null, response?: unknown) => void) | undefined;
  #response: unknown;
  #full = false;
  #paused = false;
  #unread: (() => void)[] = [];

  constructor(
    process: Process,
    path: string,
    serialize: Serialize,
    deserialize: Deserialize,
    metadata: Metadata,
    forget: () => void,
  ) {
    super();
    this.#process = process;
    this.#path = path;
    this.#serialize = serialize;
    this.#deserialize = deserialize;
    this.#metadata = metadata;
    this.#forget = forget;
  }

  get over(): boolean {
    return this.#over;
  }

  setDeadline(ms: number): void {
    this.#deadline = currentWorld().after(ms, this.#process, "deadline", () =>
      this.#abandon({
        code: grpcStatus.DEADLINE_EXCEEDED,
        details: "Deadline exceeded",
        metadata: new Metadata(),
      }),
    );
  }

  answerTo(callback: ((error: Error | null, response?: unknown) => void) | undefined): void {
    this.#callback = callback;
  }

  begin(connection: Connection): void {
    this.#connection = connection;
    const path = this.#path;
    const metadata = this.#metadata.clone();
    const remoteClient = {
      initial: (given: Metadata) => this.#receive(() => this.#initial(given)),
      message: (message: unknown) => this.#receive(() => this.#message(message)),
      trailers: (status: Status) => this.#receive(() => this.finish(status)),
    };
    const holder: { call: RemoteServerCall | undefined } = { call: undefined };
    connection.send(this.#process, `call ${path}`, () => {
      holder.call = acceptCall(connection, path, metadata, this.#process.host, remoteClient);
    });
    this.#remote = {
      message: (message) => holder.call?.message(message),
      halfClosed: () => holder.call?.halfClosed(),
      reset: () => holder.call?.reset(),
    };
    for (const send of this.#early.splice(0)) send();
  }

  #send(
    label: string,
    deliver: (remote: RemoteServerCall) => void,
    lossy: boolean,
    detail?: () => string,
  ): void {
    const send = (): void => {
      const remote = this.#remote;
      if (remote === undefined || this.#connection === undefined) return;
      this.#connection.send(this.#process, label, () => deliver(remote), lossy, detail);
    };
    if (this.#connection === undefined) this.#early.push(send);
    else send();
  }

  write(message: unknown, taken?: (error?: Error) => void): boolean {
    if (this.#over || this.#ended) {
      if (taken !== undefined) process.nextTick(() => taken(new Error("write after end")));
      return false;
    }
    currentNetwork().onWrite(this.#process, this.#path, message, this.#metadata, this);
    let sent = message;
    const encoded = currentNetwork().encoding ? this.#serialize(message as never) : undefined;
    if (encoded !== undefined) sent = { encoded };
    const holds = this.#connection === undefined || this.#connection.holds(this.#process);
    const lossy = isLossy(this.#path, message);
    this.#send(
      `to ${this.#path}`,
      (remote) => {
        if (holds) this.#taken(taken);
        remote.message(sent);
      },
      lossy,
      () => describe(message),
    );
    if (lossy && this.#connection !== undefined) {
      const to = this.#connection.otherHost(this.#process);
      currentNetwork().replays.sent(this.#process.host, to, sent, (again) => this.#replay(again));
    }
    if (!holds) {
      if (taken !== undefined) process.nextTick(taken);
      return true;
    }
    const held = this.#connection?.heldOf(this.#process) ?? this.#early.length;
    this.#full = held >= HELD_MESSAGES_MAX;
    return !this.#full;
  }

  #replay(message: unknown): void {
    if (this.#over || this.#ended) return;
    const what = (): string => describe(message);
    this.#send(`again to ${this.#path}`, (remote) => remote.message(message), false, what);
  }

  /** Runs at the receiver, which is as good a moment as any; what it tells is the sender's, in a turn of its own. */
  #taken(taken: ((error?: Error) => void) | undefined): void {
    currentWorld().after(0, this.#process, "taken", () => {
      if (this.#over) return;
      taken?.();
      if (!this.#full) return;
      this.#full = false;
      this.emit("drain");
    });
  }

  end(): void {
    if (this.#over || this.#ended) return;
    this.#ended = true;
    this.#send("half-close", (remote) => remote.halfClosed(), false);
  }

  cancel(): void {
    this.#abandon({ code: grpcStatus.CANCELLED, details: "Cancelled on client", metadata: new Metadata() });
  }

  cancelWithStatus(code: number, details: string): void {
    this.#abandon({ code, details, metadata: new Metadata() });
  }

  destroy(): void {
    this.cancel();
  }

  #abandon(status: Status): void {
    if (this.#over) return;
    this.#send("reset", (remote) => remote.reset(), false);
    this.#ended = true;
    process.nextTick(() => this.finish(status));
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    const unread = this.#unread;
    this.#unread = [];
    for (const run of unread) this.#receive(run);
    return this;
  }

  #receive(run: () => void): void {
    if (this.#paused) this.#unread.push(run);
    else if (!this.#over) run();
  }

  #initial(metadata: Metadata): void {
    if (this.#hasInitial) return;
    this.#hasInitial = true;
    this.emit("metadata", metadata);
  }

  #message(message: unknown): void {
    this.#initial(new Metadata());
    const decoded = isEncoded(message) ? this.#deserialize(message.encoded) : message;
    this.#response = decoded;
    this.emit("data", decoded);
  }

  finish(status: Status): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#deadline !== undefined) this.#deadline.cancelled = true;
    this.#forget();
    const ok = status.code === grpcStatus.OK;
    const error = Object.assign(new Error(`${status.code}: ${status.details}`), status);
    if (this.#callback !== undefined) {
      this.#callback(ok ? null : error, ok ? this.#response : undefined);
    } else {
      this.emit("end");
      if (!ok) this.emit("error", error);
    }
    this.emit("status", status);
    this.emit("close");
  }
}

/** A message that travels as bytes. */
export function isEncoded(message: unknown): message is { readonly encoded: Buffer } {
  return typeof message === "object" && message !== null && "encoded" in message && !("$typeName" in message);
}
