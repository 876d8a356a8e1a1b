import type { SessionWelcome } from "@quorate/proto";
import type { ClientOptions } from "../client/options.js";
import { backoffMs } from "../endpoints/backoff.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { QuorateError, Unavailable } from "../errors/quorate-error.js";
import { type Hello, SessionStream, type StreamHandlers } from "./session-stream.js";

/** A stream with its welcome. */
export interface Dialled {
  readonly stream: SessionStream;
  readonly welcome: SessionWelcome;
  /** When the hello was about to be sent: a new session's time runs from no earlier than this. */
  readonly askedAtMs: number;
}

/** What {@link dial} came to. */
export type DialOutcome =
  | { readonly kind: "dialled"; readonly dialled: Dialled }
  | { readonly kind: "refused"; readonly error: QuorateError }
  | { readonly kind: "stopped" };

/** What {@link dial} needs to know. */
export interface DialRequest {
  readonly hello: Hello;
  readonly handlers: StreamHandlers;
  /** Endpoint to try first in the first round. */
  readonly preferred: string | undefined;
  /** Endpoint to try last in the first round. */
  readonly avoided: string | undefined;
  /** Asked before every attempt and after every pause: true ends the dialling. */
  readonly stopped: () => boolean;
  /** Told why an attempt failed. */
  readonly onTrouble: (error: QuorateError) => void;
  /** Pauses; resolves early when the dialling is to stop. */
  readonly pause: (ms: number) => Promise<void>;
}

/** Whether another endpoint would refuse for the same reason. */
function isFinal(error: QuorateError): boolean {
  return error.code === "SESSION_EXPIRED" || error.code === "INVALID_ARGUMENT";
}

/** Tries one endpoint once, and tells the pool how it went. */
export async function dialOne(
  endpoint: string,
  hello: Hello,
  handlers: StreamHandlers,
  pool: EndpointPool,
): Promise<Dialled | QuorateError> {
  const askedAtMs = performance.now();
  try {
    const opened = await SessionStream.open(endpoint, hello, handlers);
    pool.succeeded(endpoint);
    return { ...opened, askedAtMs };
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    // A node that answers "no quorum" is alive; only one that cannot be talked to is left alone for a while.
    if (error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED") {
      pool.failed(endpoint, performance.now());
    }
    return error;
  }
}

/** Goes through the endpoints, round after round with growing pauses, until one welcomes the session. */
export async function dial(
  pool: EndpointPool,
  options: ClientOptions,
  request: DialRequest,
): Promise<DialOutcome> {
  const strangers = new Set<string>();
  for (let round = 0; ; round += 1) {
    const { preferred, avoided } = round === 0 ? request : { preferred: undefined, avoided: undefined };
    for (const endpoint of pool.candidates(performance.now(), preferred, (each) => each === avoided)) {
      if (request.stopped()) return { kind: "stopped" };
      const dialled = await dialOne(endpoint, request.hello, request.handlers, pool);
      if (dialled instanceof Error) {
        if (isFinal(dialled)) return { kind: "refused", error: dialled };
        if (dialled.code === "HISTORY_CHANGED") {
          // One node of another history may be there by mistake; where all are, the client's own is gone.
          strangers.add(endpoint);
          if (pool.endpoints.every((each) => strangers.has(each))) return { kind: "refused", error: dialled };
        }
        request.onTrouble(troubleOf(dialled));
        continue;
      }
      if (request.stopped()) {
        dialled.stream.destroy(new Unavailable("no longer needed"));
        return { kind: "stopped" };
      }
      return { kind: "dialled", dialled };
    }
    const pauseMs = backoffMs(round, options.backoff, Math.random);
    await request.pause(Math.max(pauseMs, pool.waitMs(performance.now())));
    if (request.stopped()) return { kind: "stopped" };
  }
}

function troubleOf(error: QuorateError): QuorateError {
  return error.code === "DEADLINE_EXCEEDED" ? new Unavailable(error.message, { cause: error }) : error;
}
