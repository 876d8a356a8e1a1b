import { Client, connectivityState, credentials } from "@grpc/grpc-js";
import { Unavailable } from "../errors/quorate-error.js";

/** Largest message either way, in bytes: the server's limit for one request, with room for a page of a list. */
const messageBytesMax = 32 * 1024 * 1024;
/** HTTP/2 pings find a peer that vanished without closing its connection. */
const pingIntervalMs = 5_000;
const pingTimeoutMs = 3_000;

/** Opens a channel of its own to one endpoint: channels never share a connection, so none waits behind another. */
export function openChannel(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    // A restarted container has another address under its old name: the default looks for it only after 30 s.
    "grpc.dns_min_time_between_resolutions_ms": 1_000,
    "grpc.enable_channelz": 0,
    // Retrying is this SDK's business: only it knows what is safe to send again.
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.keepalive_time_ms": pingIntervalMs,
    "grpc.keepalive_timeout_ms": pingTimeoutMs,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
}

/**
 * Resolves once the channel is connected. Rejects with Unavailable when connecting failed once, or took longer than
 * `timeoutMs`: unlike grpc-js's own waitForReady, which goes on trying an endpoint that refuses.
 */
export function channelReady(client: Client, endpoint: string, timeoutMs: number): Promise<void> {
  const channel = client.getChannel();
  const deadlineMs = Date.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const check = (error?: Error): void => {
      // Not asked to connect when it was closed meanwhile: grpc-js would dial once more, and nobody close that.
      const closed = channel.getConnectivityState(false) === connectivityState.SHUTDOWN;
      const state = closed ? connectivityState.SHUTDOWN : channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve();
      else if (error !== undefined)
        reject(new Unavailable(`${endpoint}: no connection within ${timeoutMs} ms`));
      else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        reject(new Unavailable(`${endpoint}: cannot connect`));
      } else channel.watchConnectivityState(state, deadlineMs, check);
    };
    check();
  });
}

/** Whether a connection is being made: a channel that failed to make one goes on trying, and says that it failed. */
function isDialled(client: Client): boolean {
  const state = client.getChannel().getConnectivityState(false);
  return state === connectivityState.CONNECTING || state === connectivityState.TRANSIENT_FAILURE;
}

interface Cached {
  readonly channel: Client;
  /** Since when it has been dialled, the time from one try to the next included. */
  dialledAtMs: number;
}

/** One shared channel per endpoint, for unary calls. */
export class ChannelCache {
  readonly #dialTimeoutMs: number;
  readonly #cached = new Map<string, Cached>();

  /** `dialTimeoutMs`: after how long a dial is given up that nobody answers. */
  constructor(dialTimeoutMs: number) {
    this.#dialTimeoutMs = dialTimeoutMs;
  }

  /**
   * The endpoint's channel, once it is connected. A dial whose packets a partition swallowed waits for the kernel's next
   * try, which comes many seconds after the partition has healed: one that lasts too long is given up, and the next call
   * dials anew.
   * @throws Unavailable when connecting failed, or took longer than `timeoutMs`.
   */
  async connected(endpoint: string, timeoutMs: number): Promise<Client> {
    const cached = this.#get(endpoint);
    const { channel } = cached;
    if (!isDialled(channel)) cached.dialledAtMs = performance.now();
    try {
      await channelReady(channel, endpoint, timeoutMs);
      return channel;
    } catch (error) {
      const lastedMs = performance.now() - cached.dialledAtMs;
      if (isDialled(channel) && lastedMs >= this.#dialTimeoutMs) this.#drop(endpoint, cached);
      throw error;
    }
  }

  #get(endpoint: string): Cached {
    let cached = this.#cached.get(endpoint);
    if (cached === undefined) {
      cached = { channel: openChannel(endpoint), dialledAtMs: performance.now() };
      this.#cached.set(endpoint, cached);
    }
    return cached;
  }

  #drop(endpoint: string, cached: Cached): void {
    if (this.#cached.get(endpoint) === cached) this.#cached.delete(endpoint);
    cached.channel.close();
  }

  close(): void {
    for (const { channel } of this.#cached.values()) channel.close();
    this.#cached.clear();
  }
}
