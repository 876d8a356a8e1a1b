import { EventEmitter } from "node:events";
import { status as grpcStatus, Metadata } from "@grpc/grpc-js";
import type { Process } from "../../world/process.js";
import { type Cancellable, currentProcess, currentWorld } from "../../world/world.js";
import { currentNetwork } from "../ambient.js";
import type { Connection } from "../connection.js";
import type { Acceptor } from "../network.js";
import { describe, isEncoded, type RemoteClientCall, type RemoteServerCall, type Status } from "./frames.js";

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (message: never) => Buffer;
}

type Callback = (error: Partial<Status> | null, response?: unknown) => void;
type Handler = (call: ServerCall, callback: Callback) => void;

const serverOf = new WeakMap<Connection, Server>();

/** A call reached the server's side of a connection. */
export function acceptCall(
  connection: Connection,
  path: string,
  metadata: Metadata,
  host: string,
  client: RemoteClientCall,
): RemoteServerCall {
  const server = serverOf.get(connection);
  if (server === undefined) throw new Error("a call on a connection that nobody accepted");
  return server.accept(connection, path, metadata, host, client);
}

/** A gRPC server at one or more addresses of its process. */
export class Server {
  readonly #process: Process = currentProcess();
  readonly #options: Readonly<Record<string, number>>;
  readonly #methods = new Map<string, { readonly method: Method; readonly handler: Handler }>();
  readonly #connections = new Set<Connection>();
  readonly #calls = new Set<ServerCall>();
  readonly #bound = new Map<string, Acceptor>();
  #whenIdle: (() => void) | undefined;

  constructor(options: Readonly<Record<string, number>> = {}) {
    this.#options = options;
  }

  addService(definition: Record<string, Method>, handlers: Record<string, unknown>): void {
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name];
      if (typeof handler === "function") {
        this.#methods.set(method.path, { method, handler: handler as Handler });
      }
    }
  }

  bindAsync(
    address: string,
    _credentials: unknown,
    bound: (error: Error | null, port: number) => void,
  ): void {
    const acceptor: Acceptor = {
      process: this.#process,
      keepalive: {
        everyMs: this.#options["grpc.keepalive_time_ms"] ?? 7_200_000,
        timeoutMs: this.#options["grpc.keepalive_timeout_ms"] ?? 20_000,
      },
      accept: (connection) => this.#accept(connection),
    };
    const free = currentNetwork().listen(address, acceptor);
    this.#bound.set(address, acceptor);
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    process.nextTick(() => bound(free ? null : new Error("EADDRINUSE"), port));
  }

  #accept(connection: Connection): void {
    serverOf.set(connection, this);
    this.#connections.add(connection);
    connection.handle(this.#process, {
      broken: () => {
        this.#connections.delete(connection);
        for (const call of [...this.#calls]) if (call.connection === connection) call.cancelled();
      },
    });
  }

  accept(
    connection: Connection,
    path: string,
    metadata: Metadata,
    host: string,
    client: RemoteClientCall,
  ): RemoteServerCall {
    const registered = this.#methods.get(path);
    if (registered === undefined) {
      const details = `The server does not implement the method ${path}`;
      connection.send(this.#process, "unimplemented", () =>
        client.trailers({ code: grpcStatus.UNIMPLEMENTED, details, metadata: new Metadata() }),
      );
      return { message: () => undefined, halfClosed: () => undefined, reset: () => undefined };
    }
    const { method, handler } = registered;
    const call = new ServerCall(this.#process, connection, method, metadata, host, client, () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#whenIdle?.();
    });
    this.#calls.add(call);
    call.start(handler);
    return call;
  }

  #unbind(): void {
    for (const [address, acceptor] of this.#bound) currentNetwork().unlisten(address, acceptor);
    this.#bound.clear();
  }

  tryShutdown(done: (error?: Error) => void): void {
    this.#unbind();
    this.#whenIdle = () => {
      this.#whenIdle = undefined;
      for (const connection of this.#connections) connection.close(this.#process, "the server shut down");
      process.nextTick(done);
    };
    if (this.#calls.size === 0) this.#whenIdle();
  }

  forceShutdown(): void {
    this.#unbind();
    for (const call of [...this.#calls]) call.cancelled();
    for (const connection of this.#connections) connection.close(this.#process, "the server shut down");
  }
}

/** The server's side of one call. */
class ServerCall extends EventEmitter implements RemoteServerCall {
  readonly metadata: Metadata;
  readonly connection: Connection;
  request: unknown;
  readonly #process: Process;
  readonly #method: Method;
  readonly #host: string;
  readonly #client: RemoteClientCall;
  readonly #forget: () => void;
  #over = false;
  #sentInitial = false;
  #paused = false;
  #unread: (() => void)[] = [];
  #callback: Callback | undefined;
  #handler: Handler | undefined;
  #deliveries: Cancellable | undefined;

  constructor(
    process: Process,
    connection: Connection,
    method: Method,
    metadata: Metadata,
    host: string,
    client: RemoteClientCall,
    forget: () => void,
  ) {
    super();
    this.#process = process;
    this.connection = connection;
    this.#method = method;
    this.metadata = metadata;
    this.#host = host;
    this.#client = client;
    this.#forget = forget;
    this.on("error", (error: Partial<Status> & Error) => this.#fail(error));
  }

  start(handler: Handler): void {
    const { requestStream } = this.#method;
    this.#callback = (error, response) => {
      if (error !== null) this.#fail(error);
      else {
        if (response !== undefined) this.write(response);
        this.end();
      }
    };
    if (requestStream) {
      handler(this, this.#callback);
      if (!this.#over) currentNetwork().onTaken(this.#method.path, this.metadata);
    } else this.#handler = handler;
  }

  getPeer(): string {
    return this.#host;
  }

  sendMetadata(metadata: Metadata): void {
    if (this.#sentInitial || this.#over) return;
    this.#sentInitial = true;
    this.connection.send(this.#process, "headers", () => this.#client.initial(metadata));
  }

  write(message: unknown, sent?: () => void): boolean {
    if (this.#over) return false;
    this.#sentInitial = true;
    const { path } = this.#method;
    currentNetwork().onWrite(this.#process, path, message, undefined, this);
    const encoded = currentNetwork().encoding ? this.#method.responseSerialize(message as never) : undefined;
    const travels = encoded === undefined ? message : { encoded };
    const holds = this.connection.holds(this.#process);
    this.connection.send(
      this.#process,
      `from ${path}`,
      () => {
        if (holds && sent !== undefined) {
          currentWorld().after(0, this.#process, "taken", () => {
            if (!this.#over) sent();
          });
        }
        this.#client.message(travels);
      },
      false,
      () => describe(message),
    );
    if (!holds && sent !== undefined) process.nextTick(sent);
    return true;
  }

  end(): void {
    if (this.#over) return;
    this.#trailers({ code: grpcStatus.OK, details: "OK", metadata: new Metadata() });
  }

  #fail(error: Partial<Status> & { readonly message?: string }): void {
    this.#trailers({
      code: error.code ?? grpcStatus.UNKNOWN,
      details: error.details ?? error.message ?? "unknown",
      metadata: error.metadata ?? new Metadata(),
    });
  }

  #trailers(status: Status): void {
    if (this.#over) return;
    this.connection.send(
      this.#process,
      `status ${status.code}`,
      () => this.#client.trailers(status),
      false,
      () => status.details,
    );
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#deliveries !== undefined) this.#deliveries.cancelled = true;
    this.#forget();
    process.nextTick(() => this.emit("close"));
  }

  // ---- What arrives ----

  message(message: unknown): void {
    if (this.#over) return;
    const decoded = isEncoded(message) ? this.#method.requestDeserialize(message.encoded) : message;
    this.#receive(() => {
      currentNetwork().onRequest(this.#method.path, decoded, this);
      const handler = this.#handler;
      if (handler === undefined) {
        this.emit("data", decoded);
        if (!this.#over) currentNetwork().onTaken(this.#method.path, this.metadata);
      } else {
        this.#handler = undefined;
        this.request = decoded;
        handler(this, this.#callback ?? (() => undefined));
      }
    });
  }

  halfClosed(): void {
    this.#receive(() => this.emit("end"));
  }

  reset(): void {
    this.cancelled();
  }

  /** The client is gone. */
  cancelled(): void {
    if (this.#over) return;
    this.emit("cancelled");
    this.#finish();
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    if (!this.#paused) return this;
    this.#paused = false;
    this.#deliveries = currentWorld().soon(this.#process, "read on", () => {
      const unread = this.#unread;
      this.#unread = [];
      for (const run of unread) this.#receive(run);
    });
    return this;
  }

  #receive(run: () => void): void {
    if (this.#over) return;
    if (this.#paused || this.#unread.length > 0) this.#unread.push(run);
    else run();
  }

  /** The requests of a client stream, one after the other. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    const messages: unknown[] = [];
    let over = false;
    let failed = false;
    let wake: () => void = () => undefined;
    this.on("data", (message: unknown) => {
      messages.push(message);
      wake();
    });
    this.on("end", () => {
      over = true;
      wake();
    });
    this.on("cancelled", () => {
      failed = true;
      wake();
    });
    for (;;) {
      while (messages.length > 0) yield messages.shift();
      if (failed) throw new Error("the call was cancelled");
      if (over) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
