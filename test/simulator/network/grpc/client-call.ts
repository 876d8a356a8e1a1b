import { EventEmitter } from "node:events";
import { status as grpcStatus, Metadata } from "@grpc/grpc-js";
import type { Process } from "../../world/process.js";
import { type Cancellable, currentWorld } from "../../world/world.js";
import { currentNetwork } from "../ambient.js";
import type { Connection } from "../connection.js";
import {
  describe,
  HELD_MESSAGES_MAX,
  isEncoded,
  isLossy,
  type RemoteServerCall,
  type Status,
} from "./frames.js";
import { acceptCall } from "./server.js";

export type Serialize = (message: never) => Buffer;
export type Deserialize = (bytes: Buffer) => unknown;

/** The client's side of one call. */
export class ClientCall extends EventEmitter {
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
