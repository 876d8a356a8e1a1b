import { connectCall } from "../arguments/calls.js";
import { EndpointPool } from "../endpoints/endpoint-pool.js";
import { HistoryBinding } from "../endpoints/history-binding.js";
import { Session } from "../session/session.js";
import { QuorateClient } from "./client.js";
import { breakerOptions, type ConnectOptions, resolveOptions } from "./options.js";
import type { Quorate } from "./quorate.js";

/**
 * Connects to a cluster and resolves when a session is up; with `session: false` at once.
 * Rejects with InvalidArgument, NoQuorum, Unavailable, DeadlineExceeded, HistoryChanged or Cancelled.
 *
 * @param endpoints "host:port,host:port…" or a list: some or all nodes of the cluster.
 * @example
 * await using quorate = await connect("127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420");
 * await quorate.put("/config/db", "postgres://…");
 */
export async function connect(
  endpoints: string | readonly string[],
  options?: ConnectOptions,
): Promise<Quorate> {
  const [given, taken] = connectCall(endpoints, options);
  const resolved = resolveOptions(taken);
  const history = new HistoryBinding(taken.history);
  const pool = new EndpointPool(given, breakerOptions, Math.random, resolved.followLeader, history);
  const session = taken.session === false ? undefined : await Session.open(pool, resolved, taken.signal);
  return new QuorateClient(pool, resolved, session);
}
