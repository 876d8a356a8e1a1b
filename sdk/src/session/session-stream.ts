import { type Client, type ClientDuplexStream, Metadata, type StatusObject } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  type Operation,
  type SessionReply,
  type SessionRequest,
  SessionService,
  type SessionWelcome,
} from "@quorate/proto";
import { bounds } from "../client/options.js";
import { channelReady, openChannel } from "../endpoints/channel.js";
import { DeadlineExceeded, type QuorateError } from "../errors/quorate-error.js";
import { type CallFailure, failureOfStatus } from "../errors/wire-error.js";
import { encodeRequest } from "./request-encoder.js";

const connectMethod = grpcServiceDefinition(SessionService).connect;

/** Which session to open a stream for: `sessionId` 0 for a new one. */
export interface Hello {
  readonly sessionId: number;
  readonly ttlMs: number;
  /** The history to go on from; "" for any. */
  readonly historyId: string;
}

/** What a stream tells its session. */
export interface StreamHandlers {
  /** Takes in which history a node told, "" for none, to a hello that named one; returns why it is none to go on with. */
  onHistory(told: string, named: string, endpoint: string): QuorateError | undefined;
  onReply(stream: SessionStream, reply: SessionReply): void;
  /** More can be written. */
  onDrain(stream: SessionStream): void;
  /** An operation that was to be sent cannot be encoded: it was not sent. */
  onUnsendable(operation: Operation, cause: unknown): void;
  /** The stream is over; nothing follows. */
  onEnd(stream: SessionStream, failure: CallFailure): void;
}

/** One bidirectional stream that carries a session, on a channel of its own. */
export class SessionStream {
  readonly endpoint: string;
  readonly #channel: Client;
  readonly #call: ClientDuplexStream<SessionRequest, SessionReply>;
  readonly #handlers: StreamHandlers;
  #welcomed: ((welcome: SessionWelcome) => void) | undefined;
  #refused: ((error: QuorateError) => void) | undefined;
  #ended = false;
  #writable = true;
  #heardAtMs = performance.now();
  readonly #historyId: string;

  private constructor(
    endpoint: string,
    historyId: string,
    channel: Client,
    handlers: StreamHandlers,
    onWelcome: (welcome: SessionWelcome) => void,
    onRefused: (error: QuorateError) => void,
  ) {
    this.endpoint = endpoint;
    this.#historyId = historyId;
    this.#channel = channel;
    this.#handlers = handlers;
    this.#welcomed = onWelcome;
    this.#refused = onRefused;
    this.#call = channel.makeBidiStreamRequest(
      connectMethod.path,
      (request) => encodeRequest(request, handlers.onUnsendable),
      connectMethod.responseDeserialize,
      new Metadata(),
      {},
    );
    this.#call.on("data", (reply: SessionReply) => this.#receive(reply));
    this.#call.on("drain", () => {
      this.#writable = true;
      if (!this.#ended) handlers.onDrain(this);
    });
    // Every error is followed by its status.
    this.#call.on("error", () => undefined);
    this.#call.on("status", (status: StatusObject) => {
      // Replies that came before the status may still sit in the readable buffer.
      setImmediate(() => this.#finish(failureOfStatus(status, endpoint)));
    });
  }

  /**
   * Dials the endpoint, says hello, and resolves with the stream once it is welcome. Rejects with the server's refusal
   * (SessionExpired, NoQuorum …) or Unavailable.
   */
  static async open(
    endpoint: string,
    hello: Hello,
    handlers: StreamHandlers,
  ): Promise<{ stream: SessionStream; welcome: SessionWelcome }> {
    const channel = openChannel(endpoint);
    try {
      await channelReady(channel, endpoint, bounds.dialTimeoutMs);
    } catch (error) {
      channel.close();
      throw error;
    }
    return new Promise((resolve, reject) => {
      const stream = new SessionStream(
        endpoint,
        hello.historyId,
        channel,
        handlers,
        (welcome) => {
          clearTimeout(timer);
          resolve({ stream, welcome });
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
      const timer = setTimeout(() => {
        const error = new DeadlineExceeded(
          `${endpoint}: no session within ${bounds.welcomeTimeoutMs} ms of asking`,
        );
        stream.#finish({ error, fromServer: false });
      }, bounds.welcomeTimeoutMs);
      stream.#write({
        $typeName: "quorate.v1.SessionRequest",
        hello: {
          $typeName: "quorate.v1.SessionHello",
          sessionId: BigInt(hello.sessionId),
          ttlMs: BigInt(hello.ttlMs),
          historyId: hello.historyId,
        },
        lowestPending: 0n,
        operations: [],
        close: false,
      });
    });
  }

  /** Whether more may be written now; if not, `onDrain` tells when. */
  get writable(): boolean {
    return this.#writable && !this.#ended;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** When the node last said something on it. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  send(operations: Operation[], lowestPending: number): void {
    this.#write({
      $typeName: "quorate.v1.SessionRequest",
      lowestPending: BigInt(lowestPending),
      operations,
      close: false,
    });
  }

  /** Asks the server to end the session. */
  sendClose(lowestPending: number): void {
    this.#write({
      $typeName: "quorate.v1.SessionRequest",
      lowestPending: BigInt(lowestPending),
      operations: [],
      close: true,
    });
  }

  /** Sends nothing more, and waits for what is still owed. */
  halfClose(): void {
    if (!this.#ended) this.#call.end();
  }

  /** Ends the stream and its channel at once. */
  destroy(reason: QuorateError): void {
    this.#finish({ error: reason, fromServer: false });
  }

  #write(request: SessionRequest): void {
    if (!this.#call.write(request)) this.#writable = false;
  }

  #receive(reply: SessionReply): void {
    if (this.#ended) return;
    this.#heardAtMs = performance.now();
    // Later replies tell it only when it is news.
    const told = reply.historyId;
    if (reply.welcome !== undefined || told !== "") {
      const strange = this.#handlers.onHistory(told, this.#historyId, this.endpoint);
      if (strange !== undefined) {
        this.#finish({ error: strange, fromServer: false });
        return;
      }
    }
    if (reply.welcome !== undefined && this.#welcomed !== undefined) {
      const welcomed = this.#welcomed;
      this.#welcomed = undefined;
      this.#refused = undefined;
      welcomed(reply.welcome);
    }
    const { results, leaderEndpoint, endpoints } = reply;
    if (results.length > 0 || leaderEndpoint !== "" || endpoints.length > 0)
      this.#handlers.onReply(this, reply);
  }

  #finish(failure: CallFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.cancel();
    this.#channel.close();
    const refused = this.#refused;
    this.#refused = undefined;
    this.#welcomed = undefined;
    if (refused === undefined) this.#handlers.onEnd(this, failure);
    else refused(failure.error);
  }
}
