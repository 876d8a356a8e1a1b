import type { ClientOptions } from "../client/options.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { InterruptiblePause } from "../endpoints/interruptible-pause.js";
import { gaveUp } from "../errors/give-up.js";
import { Cancelled, type QuorateError } from "../errors/quorate-error.js";
import { tellingTrouble } from "../errors/telling-trouble.js";
import { onAbort } from "../process/abort-listeners.js";
import { type Dialled, dial } from "./dialer.js";
import type { StreamHandlers } from "./session-stream.js";

/**
 * Dials until some endpoint has made a new session. Rejects with NoQuorum, Unavailable or DeadlineExceeded after
 * `connectTimeoutMs`, with HistoryChanged where all nodes are of another history, with Cancelled when `signal` is aborted.
 */
export async function dialNewSession(
  pool: EndpointPool,
  options: ClientOptions,
  handlers: StreamHandlers,
  signal: AbortSignal | undefined,
): Promise<Dialled> {
  const { connectTimeoutMs, sessionTtlMs } = options;
  const pause = new InterruptiblePause();
  let trouble: QuorateError | undefined;
  let stopped = false;
  let forget = (): void => undefined;
  const tooLate = (): QuorateError =>
    gaveUp(`no session within ${connectTimeoutMs} ms from ${pool.endpoints.join(", ")}`, trouble);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), connectTimeoutMs);
  const failed = new Promise<never>((_, reject) => {
    const abort = (): void => reject(new Cancelled("connect: aborted", { cause: signal?.reason }));
    if (signal?.aborted) abort();
    else if (signal !== undefined) forget = onAbort(signal, abort);
    timeout.signal.addEventListener("abort", () => reject(tooLate()));
  });
  try {
    const outcome = await Promise.race([
      failed,
      dial(pool, options, {
        hello: { sessionId: 0, ttlMs: sessionTtlMs, historyId: pool.history.id },
        handlers,
        preferred: undefined,
        avoided: undefined,
        stopped: () => stopped,
        onTrouble: (error) => {
          trouble = tellingTrouble(trouble, error);
        },
        pause: (ms) => pause.wait(ms),
      }),
    ]);
    if (outcome.kind === "refused") throw outcome.error;
    if (outcome.kind === "stopped") throw tooLate();
    return outcome.dialled;
  } finally {
    clearTimeout(timer);
    stopped = true;
    forget();
    // Nobody hears the rejection any more.
    timeout.abort();
    pause.wake();
  }
}
