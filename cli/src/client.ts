import { connect, type Quorate } from "@quorate/sdk";
import type { GlobalOptions } from "./global-options.js";

/** Which kind of client a command needs. */
export interface ClientNeeds {
  /**
   * `none`: single requests, for reads and status; works without a quorum. `brief`: a session for one mutation, which
   * makes it exactly-once across retries and leader changes for two more commits; it stays at the node it reached.
   * `lasting`: a session for locks and leaderships, which moves along with the leader.
   */
  readonly session: "none" | "brief" | "lasting";
  /** TTL of the session in milliseconds; the SDK's default when absent. */
  readonly sessionTtlMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/** Connects, runs `use`, and always closes again. */
export async function withClient<T>(
  options: GlobalOptions,
  needs: ClientNeeds,
  use: (client: Quorate) => Promise<T>,
): Promise<T> {
  const client = await connect(options.endpoints, {
    session: needs.session !== "none",
    followLeader: needs.session === "lasting",
    requestTimeoutMs: options.timeoutMs,
    connectTimeoutMs: options.timeoutMs,
    ...(options.history === undefined ? {} : { history: options.history }),
    ...(needs.sessionTtlMs === undefined ? {} : { sessionTtlMs: needs.sessionTtlMs }),
    ...(needs.signal === undefined ? {} : { signal: needs.signal }),
  });
  try {
    return await use(client);
  } finally {
    // The outcome is known by now: a failure to say goodbye must not hide it. The session ends by its TTL.
    await client.close().catch(() => undefined);
  }
}
