import { type Client, type ClientUnaryCall, Metadata } from "@grpc/grpc-js";
import { grpcServiceDefinition, type KeepAliveRequest, LeaseService } from "@quorate/proto";
import { bounds } from "../client/options.js";
import { channelReady, openChannel } from "../endpoints/channel.js";
import { historyHeader } from "../endpoints/history-binding.js";
import { QuorateError, Unavailable } from "../errors/quorate-error.js";
import { type CallFailure, failureOfStatus } from "../errors/wire-error.js";
import { delayMaxMs } from "../process/long-timer.js";

const { keepAlive } = grpcServiceDefinition(LeaseService);

/** What became of one call. */
export type KeepAliveAnswer =
  | {
      readonly kind: "answered";
      readonly ttlMs: number;
      /** The history that the node told; "" for none. */
      readonly history: string;
    }
  | { readonly kind: "failed"; readonly failure: CallFailure };

interface Call {
  readonly startedAtMs: number;
  grpc: ClientUnaryCall | undefined;
}

/** One connection to an endpoint, with the calls on it that have no answer yet. */
class KeepAliveConnection {
  readonly channel: Client;
  readonly calls = new Set<Call>();
  /** When something was last heard on it. */
  heardAtMs = Number.NEGATIVE_INFINITY;
  broken = false;

  constructor(endpoint: string) {
    this.channel = openChannel(endpoint);
  }

  /** Since when it owes an answer though it gave none since, on the caller's clock; undefined when it does not. */
  get silentSinceMs(): number | undefined {
    for (const { startedAtMs } of this.calls) if (startedAtMs >= this.heardAtMs) return startedAtMs;
    return undefined;
  }
}

/**
 * Connections that carry keepalives and nothing else, so that neither what the client sends nor what it is sent is ever
 * before one: one to each endpoint that is asked, and another where a call on the first has no answer for long, since
 * the connection may be dead and the node alive. A call that was sent goes on until its time is over: an answer that
 * comes late is still worth something, and that none came says something of the node.
 */
export class KeepAliveConnections {
  /** By endpoint, the newest last. */
  readonly #connections = new Map<string, KeepAliveConnection[]>();
  /** When an endpoint last gave a sign of life, on whichever of its connections. */
  readonly #heardAtMs = new Map<string, number>();
  #closed = false;

  /** For how long the endpoint has owed an answer without a sign of life, in milliseconds. */
  silentMs(endpoint: string, nowMs: number): number {
    const connections = this.#connections.get(endpoint) ?? [];
    const heardAtMs = this.#heardAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY;
    let sinceMs = nowMs;
    for (const { silentSinceMs } of connections) {
      if (silentSinceMs !== undefined && silentSinceMs >= heardAtMs)
        sinceMs = Math.min(sinceMs, silentSinceMs);
    }
    return nowMs - sinceMs;
  }

  /**
   * Sends one keepalive. A connection that has been silent for `freshAfterMs` is not trusted with it: it goes on a new
   * one, so no more than one is dialled in that time. Names the history that the lease is of, "" for none. Never rejects.
   */
  async send(
    endpoint: string,
    leaseId: bigint,
    history: string,
    timeoutMs: number,
    freshAfterMs: number,
  ): Promise<KeepAliveAnswer> {
    const startedAtMs = performance.now();
    const connection = this.#connectionTo(endpoint, startedAtMs, freshAfterMs);
    const call: Call = { startedAtMs, grpc: undefined };
    connection.calls.add(call);
    try {
      await channelReady(connection.channel, endpoint, Math.min(timeoutMs, bounds.sharedDialMs));
      const leftMs = timeoutMs - (performance.now() - startedAtMs);
      const answer = await this.#ask(connection, call, endpoint, leaseId, history, leftMs);
      if (answer.kind === "answered" || answer.failure.fromServer) {
        connection.heardAtMs = performance.now();
        this.#heardAtMs.set(endpoint, connection.heardAtMs);
      }
      return answer;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      connection.broken = true;
      return { kind: "failed", failure: { error, fromServer: false } };
    } finally {
      connection.calls.delete(call);
      this.#tidy(endpoint);
    }
  }

  /** Lets go of the connections to all other endpoints that nothing is waited for on. */
  keepOnly(endpoints: readonly (string | undefined)[]): void {
    for (const [other, connections] of [...this.#connections]) {
      if (endpoints.includes(other) || connections.some(({ calls }) => calls.size > 0)) continue;
      this.#connections.delete(other);
      this.#heardAtMs.delete(other);
      for (const { channel } of connections) channel.close();
    }
  }

  close(): void {
    this.#closed = true;
    for (const { channel, calls } of [...this.#connections.values()].flat()) {
      for (const { grpc } of calls) grpc?.cancel();
      channel.close();
    }
    this.#connections.clear();
  }

  #connectionTo(endpoint: string, nowMs: number, freshAfterMs: number): KeepAliveConnection {
    const connections = this.#connections.get(endpoint) ?? [];
    const newest = connections.at(-1);
    if (newest !== undefined && !newest.broken && nowMs - (newest.silentSinceMs ?? nowMs) < freshAfterMs) {
      return newest;
    }
    const fresh = new KeepAliveConnection(endpoint);
    connections.push(fresh);
    this.#connections.set(endpoint, connections);
    return fresh;
  }

  /** Closes what carries no call any more and will carry none: all but the newest connection, unless that broke. */
  #tidy(endpoint: string): void {
    const connections = this.#connections.get(endpoint);
    if (connections === undefined) return;
    const newest = connections.at(-1);
    const isOver = (each: KeepAliveConnection): boolean =>
      each.calls.size === 0 && (each !== newest || each.broken);
    for (const connection of connections) if (isOver(connection)) connection.channel.close();
    const left = connections.filter((each) => !isOver(each));
    if (left.length > 0) this.#connections.set(endpoint, left);
    else this.#connections.delete(endpoint);
  }

  #ask(
    { channel }: KeepAliveConnection,
    call: Call,
    endpoint: string,
    leaseId: bigint,
    history: string,
    timeoutMs: number,
  ): Promise<KeepAliveAnswer> {
    const request: KeepAliveRequest = { $typeName: "quorate.v1.KeepAliveRequest", leaseIds: [leaseId] };
    const metadata = new Metadata();
    if (history !== "") metadata.set(historyHeader, history);
    let told = "";
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Unavailable(`${endpoint}: the client is closed`));
        return;
      }
      call.grpc = channel.makeUnaryRequest(
        keepAlive.path,
        keepAlive.requestSerialize,
        keepAlive.responseDeserialize,
        request,
        metadata,
        // gRPC cannot write down longer ones; who waits longer asks again.
        { deadline: Date.now() + Math.min(timeoutMs, delayMaxMs) },
        (error, response) => {
          if (response !== undefined) {
            resolve({ kind: "answered", ttlMs: Number(response.ttlsMs[0] ?? 0n), history: told });
          } else if (error !== null) resolve({ kind: "failed", failure: failureOfStatus(error, endpoint) });
          else reject(new Unavailable(`${endpoint}: no answer`));
        },
      );
      call.grpc.on("metadata", (headers: Metadata) => {
        told = headers.get(historyHeader)[0]?.toString() ?? "";
      });
    });
  }
}
