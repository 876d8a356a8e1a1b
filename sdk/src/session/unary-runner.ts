import type { Message } from "@bufbuild/protobuf";
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type GrpcMethod, grpcServiceDefinition, KVService, LeaseService } from "@quorate/proto";
import { bounds, type CallOptions, type ClientOptions } from "../client/options.js";
import { backoffMs } from "../endpoints/backoff.js";
import type { ChannelCache } from "../endpoints/channel.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { historyHeader } from "../endpoints/history-binding.js";
import { gaveUp } from "../errors/give-up.js";
import {
  Cancelled,
  Closed,
  DeadlineExceeded,
  InvalidArgument,
  OutcomeUnknown,
  QuorateError,
  TooLarge,
  Unavailable,
} from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import { type CallFailure, failureOfStatus, isTransient } from "../errors/wire-error.js";
import { onAbort } from "../process/abort-listeners.js";
import { after, delayMaxMs } from "../process/long-timer.js";
import {
  converted,
  isMutation,
  leavesOpen,
  type OperationRequest,
  type OperationResponse,
  type OperationRunner,
  operationBytes,
} from "./operation.js";

const kv = grpcServiceDefinition(KVService);
const lease = grpcServiceDefinition(LeaseService);

/** One unary call: what to ask, and whether asking twice could do harm. */
export interface UnaryCall<Request extends Message, Response extends Message> {
  readonly method: GrpcMethod<Request, Response>;
  readonly request: Request;
  readonly mutation: boolean;
  /** Whether an answer of any history will do. */
  readonly unbound?: boolean;
}

/** Options of a call that may go on from a history. */
export interface BoundCallOptions extends CallOptions {
  readonly history?: string | undefined;
}

/**
 * Makes unary calls, on one endpoint after the other until one answers: reads wherever it is safe, mutations only
 * while a server or a failed connection vouches that nothing happened.
 */
export class UnaryRunner implements OperationRunner {
  readonly sessionId = 0;
  readonly #pool: EndpointPool;
  readonly #channels: ChannelCache;
  readonly #options: ClientOptions;
  readonly #served: (endpoint: string) => void;
  #closed = false;
  /** The endpoint that answered last: no need to look for another. */
  #preferred: string | undefined;

  /** `served` is told which endpoint answered. */
  constructor(
    pool: EndpointPool,
    channels: ChannelCache,
    options: ClientOptions,
    served: (endpoint: string) => void,
  ) {
    this.#served = served;
    this.#pool = pool;
    this.#channels = channels;
    this.#options = options;
  }

  close(): void {
    this.#closed = true;
  }

  async run<T>(
    request: OperationRequest,
    convert: (response: OperationResponse) => T,
    options: BoundCallOptions,
  ): Promise<T> {
    return converted(request, await this.#runCase(request, options), convert);
  }

  async #runCase(request: OperationRequest, options: BoundCallOptions): Promise<OperationResponse> {
    const mutation = isMutation(request);
    const bytes = operationBytes(request);
    if (bytes > bounds.operationBytesMax) {
      throw new TooLarge(`${request.case}: about ${bytes} bytes, at most ${bounds.operationBytesMax}`);
    }
    switch (request.case) {
      case "get":
        return {
          case: "get",
          value: await this.call({ method: kv.get, request: request.value, mutation }, options),
        };
      case "list":
        return {
          case: "list",
          value: await this.call({ method: kv.list, request: request.value, mutation }, options),
        };
      case "put":
        return {
          case: "put",
          value: await this.call({ method: kv.put, request: request.value, mutation }, options),
        };
      case "delete":
        return {
          case: "delete",
          value: await this.call({ method: kv.delete, request: request.value, mutation }, options),
        };
      case "txn":
        return {
          case: "txn",
          value: await this.call({ method: kv.txn, request: request.value, mutation }, options),
        };
      case "keepAlive":
        return {
          case: "keepAlive",
          value: await this.call({ method: lease.keepAlive, request: request.value, mutation }, options),
        };
      case "grant":
        return {
          case: "grant",
          value: await this.call({ method: lease.grant, request: request.value, mutation }, options),
        };
      case "revoke":
        return {
          case: "revoke",
          value: await this.call({ method: lease.revoke, request: request.value, mutation }, options),
        };
      case "timeToLive":
        return {
          case: "timeToLive",
          value: await this.call({ method: lease.timeToLive, request: request.value, mutation }, options),
        };
    }
  }

  /**
   * Makes one call, at `endpoint` or at whichever answers. Rejects with a QuorateError.
   */
  async call<Request extends Message, Response extends Message>(
    call: UnaryCall<Request, Response>,
    options: BoundCallOptions,
    endpoint?: string,
  ): Promise<Response> {
    const bytes = encoded(call);
    const { history } = this.#pool;
    const strangers = new Set<string>();
    const timeoutMs = options.timeoutMs ?? this.#options.requestTimeoutMs;
    const deadlineMs = performance.now() + timeoutMs;
    const gaveUpMessage = `${call.method.path}: gave up after ${Math.round(timeoutMs)} ms`;
    let trouble: QuorateError | undefined;
    for (let round = 0; ; round += 1) {
      const allowed = this.#pool.candidates(performance.now(), this.#preferred);
      const candidates = endpoint === undefined ? allowed : [endpoint];
      for (const [index, candidate] of candidates.entries()) {
        this.#checkOpen(options.signal);
        const remainingMs = deadlineMs - performance.now();
        if (remainingMs <= 0) throw gaveUp(gaveUpMessage, trouble);
        const attemptMs = Math.max(bounds.unaryAttemptMs, remainingMs / (candidates.length - index));
        const named = call.unbound === true ? "" : history.named(options.history);
        const attempt = await this.#attempt(
          call,
          bytes,
          candidate,
          Math.min(remainingMs, attemptMs),
          remainingMs,
          options,
          named,
        );
        if (attempt.kind === "answered") {
          const strange =
            call.unbound === true ? undefined : history.strange(attempt.history, named, candidate);
          if (strange === undefined) {
            this.#preferred = candidate;
            this.#served(candidate);
            return attempt.response;
          }
          if (call.mutation) throw doneElsewhere(call.method.path, strange);
          strangers.add(candidate);
          trouble = tellingTrouble(trouble, strange);
        } else {
          const error = this.#retryable(call, attempt, deadlineMs);
          if (error.code === "HISTORY_CHANGED") strangers.add(candidate);
          trouble = tellingTrouble(trouble, error);
        }
      }
      // A node of another history may be there by mistake, beside those of the client's own; not all of them.
      const asked = endpoint === undefined ? this.#pool.endpoints : [endpoint];
      if (trouble?.code === "HISTORY_CHANGED" && asked.every((each) => strangers.has(each))) throw trouble;
      const pauseMs = backoffMs(round, this.#options.backoff, Math.random);
      const waitMs = Math.max(pauseMs, candidates.length === 0 ? this.#pool.waitMs(performance.now()) : 0);
      if (performance.now() + waitMs >= deadlineMs) throw gaveUp(gaveUpMessage, trouble);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#closed) throw new Closed("the client is closed");
    if (signal?.aborted) throw new Cancelled("aborted", { cause: signal.reason });
  }

  /** Returns why the attempt failed when another may follow; throws when it may not. */
  #retryable<Request extends Message, Response extends Message>(
    call: UnaryCall<Request, Response>,
    attempt: FailedAttempt,
    deadlineMs: number,
  ): QuorateError {
    const { error, fromServer } = attempt.failure;
    if (call.mutation && attempt.sent && (!fromServer || leavesOpen(error))) {
      throw new OutcomeUnknown(
        `${call.method.path}: sent, but no answer says what happened: ${error.message}`,
        {
          cause: error,
        },
      );
    }
    const slow = error.code === "DEADLINE_EXCEEDED" && performance.now() < deadlineMs;
    if (!isTransient(error) && !slow && error.code !== "HISTORY_CHANGED") throw error;
    return slow ? new Unavailable(error.message, { cause: error }) : error;
  }

  async #attempt<Request extends Message, Response extends Message>(
    call: UnaryCall<Request, Response>,
    bytes: Buffer,
    endpoint: string,
    attemptMs: number,
    remainingMs: number,
    options: CallOptions,
    named: string,
  ): Promise<Attempt<Response>> {
    let channel: Client;
    try {
      channel = await this.#channels.connected(endpoint, Math.min(bounds.dialTimeoutMs, remainingMs));
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#pool.failed(endpoint, performance.now());
      return { kind: "failed", sent: false, failure: { error, fromServer: false } };
    }
    // Aborted while the connection was made: nothing was sent, and nothing is.
    if (options.signal?.aborted) {
      const error = new Cancelled(`${call.method.path}: aborted`, { cause: options.signal.reason });
      return { kind: "failed", sent: false, failure: { error, fromServer: false } };
    }
    // A mutation is never cut short to ask elsewhere: that would only make its outcome unknown.
    const attempt = await sendUnary(
      channel,
      endpoint,
      call,
      bytes,
      call.mutation ? remainingMs : attemptMs,
      options.signal,
      named,
    );
    if (attempt.kind === "answered" || attempt.failure.fromServer) this.#pool.succeeded(endpoint);
    else if (!options.signal?.aborted) this.#pool.failed(endpoint, performance.now());
    return attempt;
  }
}

interface FailedAttempt {
  readonly kind: "failed";
  /** Whether the server may have seen the call. */
  readonly sent: boolean;
  readonly failure: CallFailure;
}

type Attempt<Response> =
  | { readonly kind: "answered"; readonly response: Response; readonly history: string }
  | FailedAttempt;

/** A node that does not know of histories carried the mutation out: whose it was cannot be told any more. */
function doneElsewhere(path: string, cause: QuorateError): OutcomeUnknown {
  return new OutcomeUnknown(`${path}: it may have been applied in another history: ${cause.message}`, {
    cause,
  });
}

/** Encoded once and before it is sent: what cannot be is no failure of an endpoint, and not of unknown outcome. */
function encoded<Request extends Message, Response extends Message>({
  method,
  request,
}: UnaryCall<Request, Response>): Buffer {
  try {
    return method.requestSerialize(request);
  } catch (cause) {
    throw new InvalidArgument(`${method.path}: it cannot be sent: ${String(cause)}`, { cause });
  }
}

function sendUnary<Request extends Message, Response extends Message>(
  channel: Client,
  endpoint: string,
  { method, request }: UnaryCall<Request, Response>,
  bytes: Buffer,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  named: string,
): Promise<Attempt<Response>> {
  const metadata = new Metadata();
  if (named !== "") metadata.set(historyHeader, named);
  return new Promise((resolve) => {
    // Such a deadline gRPC cannot write down, or takes for one that is over.
    const isLong = timeoutMs > delayMaxMs;
    const expire = (): void => {
      late = true;
      grpcCall.cancel();
    };
    const timer = isLong ? after(timeoutMs, expire) : undefined;
    let forget = (): void => undefined;
    let late = false;
    let history = "";
    const done = (error: ServiceError | null, response?: Response): void => {
      forget();
      timer?.cancel();
      if (response !== undefined) resolve({ kind: "answered", response, history });
      else if (signal?.aborted) {
        const cancelled = new Cancelled(`${method.path}: aborted`, { cause: signal.reason });
        resolve({ kind: "failed", sent: true, failure: { error: cancelled, fromServer: false } });
      } else if (late) {
        const deadline = new DeadlineExceeded(`${method.path}: no answer within ${timeoutMs} ms`);
        resolve({ kind: "failed", sent: true, failure: { error: deadline, fromServer: false } });
      } else if (error !== null) {
        resolve({ kind: "failed", sent: true, failure: failureOfStatus(error, endpoint) });
      } else {
        const unavailable = new Unavailable(`${endpoint}: no answer`);
        resolve({ kind: "failed", sent: true, failure: { error: unavailable, fromServer: false } });
      }
    };
    const grpcCall = channel.makeUnaryRequest(
      method.path,
      () => bytes,
      method.responseDeserialize,
      request,
      metadata,
      isLong ? {} : { deadline: Date.now() + timeoutMs },
      done,
    );
    grpcCall.on("metadata", (headers: Metadata) => {
      history = headers.get(historyHeader)[0]?.toString() ?? "";
    });
    if (signal !== undefined) forget = onAbort(signal, () => grpcCall.cancel());
  });
}
