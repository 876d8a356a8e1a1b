import { connectivityState, status as grpcStatus, Metadata } from "@grpc/grpc-js";
import type { Process } from "../../world/process.js";
import { type Cancellable, currentProcess, currentWorld } from "../../world/world.js";
import { currentNetwork } from "../ambient.js";
import type { Connection } from "../connection.js";
import { ClientCall, type Deserialize, type Serialize } from "./client-call.js";

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
