import { create } from "@bufbuild/protobuf";
import { Client, type ClientWritableStream, credentials } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  grpcServiceDefinition,
  type PeerMessage,
  PeerService,
} from "@quorate/proto";
import type { Logger } from "pino";
import { bounds } from "../config.js";
import { type Handshake, handshakeMetadata, isEstrangement, isRemoval } from "./handshake.js";

const service = grpcServiceDefinition(PeerService);

/** Milliseconds before a broken link is dialled again: at first, and at most. */
const REDIAL_MIN_MS = 50;
const REDIAL_MAX_MS = 1_000;

/**
 * Milliseconds in which a peer must take a call. A dial whose packets were lost in a partition would otherwise wait for
 * the kernel's next try, which comes later the longer the partition lasted: up to some 20 s after it has healed.
 */
const DIAL_TIMEOUT_MS = 3_000;
/** The same where the peer lives and may be at another address: an address where nothing answers keeps it from being reached. */
const AWAKE_DIAL_TIMEOUT_MS = 500;

/** gRPC settings of a connection between peers. */
export const peerChannelOptions = {
  "grpc.enable_channelz": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": bounds.grpcMessageBytesMax,
  "grpc.max_send_message_length": bounds.grpcMessageBytesMax,
  "grpc.initial_reconnect_backoff_ms": REDIAL_MIN_MS,
  "grpc.min_reconnect_backoff_ms": REDIAL_MIN_MS,
  "grpc.max_reconnect_backoff_ms": REDIAL_MAX_MS,
  // A restarted container has another address under its old name: the default looks for it only after 30 s.
  "grpc.dns_min_time_between_resolutions_ms": REDIAL_MAX_MS,
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 5_000,
} as const;

/** Where a peer may be dialled: never none. */
export type Addresses = readonly [string, ...string[]];

/** Whom a link tells what becomes of it. */
export interface LinkListener {
  /** Messages were or may have been lost. */
  readonly onLost: () => void;
  /** The peer refused the call because this node was removed from the cluster. */
  readonly onRemoved: (details: string) => void;
  /** The peer refused the call because it knows this node's member as another data directory, or a newer copy. */
  readonly onEstranged: (details: string) => void;
}

/** What a link may be told besides: what an earlier one learnt, and how patient it is. */
export interface LinkOptions {
  /** Where an earlier link reached the peer last: until this one reaches it elsewhere, it is looked for there as well. */
  readonly reached?: string | undefined;
  /** Milliseconds in which the peer must take a call before it is dialled anew; DIAL_TIMEOUT_MS by default. */
  readonly dialTimeoutMs?: number;
}

/**
 * The outgoing half of the connection to one peer: a stream of batches, dialled again whenever it breaks. Messages
 * are dropped, not queued, while it is down or overfull: Raft makes losses good.
 *
 * A peer that is being moved may be at one of several addresses: the link tries one after the other. Whoever is not the
 * peer refuses the call, since the handshake says whom it is meant for.
 */
export class PeerLink {
  readonly handshake: Handshake;
  private readonly peersLogger: Logger;
  private readonly listener: LinkListener;
  private readonly dialTimeoutMs: number;
  private addresses: Addresses;
  /** The one of them that is dialled now. */
  private dialled: string;
  /** Where the peer took a call last. */
  private reached: string | undefined;
  private logger: Logger;
  private channel: Client;
  private call: ClientWritableStream<ExchangeRequest> | undefined;
  /** Bytes to be sent and not yet taken by the socket. */
  private queuedBytes = 0;
  /** Bytes of them handed to the call. */
  private aheadBytes = 0;
  /** What waits until the socket has taken more: what is urgent overtakes it. */
  private waiting: { readonly messages: PeerMessage[]; readonly bytes: number }[] = [];
  private redialTimer: NodeJS.Timeout | undefined;
  private dialTimer: NodeJS.Timeout | undefined;
  private redialMs = REDIAL_MIN_MS;
  /** What was logged last of each address, since the peer took a call: said once, not at every dial. */
  private readonly lastProblems = new Map<string, string>();
  private connected = false;
  /** The call that got less time, since the peer gave a sign of life. */
  private hurried: ClientWritableStream<ExchangeRequest> | undefined;
  private closed = false;

  constructor(
    addresses: Addresses,
    handshake: Handshake,
    logger: Logger,
    listener: LinkListener,
    { reached, dialTimeoutMs = DIAL_TIMEOUT_MS }: LinkOptions = {},
  ) {
    const [address] = addresses;
    this.addresses = addresses;
    this.dialled = address;
    this.reached = reached;
    this.dialTimeoutMs = dialTimeoutMs;
    this.channel = channelTo(address);
    this.handshake = handshake;
    this.peersLogger = logger;
    this.logger = logger.child({ peer: handshake.to, address });
    this.listener = listener;
    this.dial();
  }

  /** For a call of another kind to the same peer. */
  get client(): Client {
    return this.channel;
  }

  get peer(): number {
    return this.handshake.to;
  }

  /** Where the peer is dialled now. */
  get address(): string {
    return this.dialled;
  }

  /** Where the peer took a call last; undefined when it never did. */
  get reachedAt(): string | undefined {
    return this.reached;
  }

  /**
   * Where to look for the peer from now on, likeliest first. A call that it has taken goes on, and where it took one it is
   * looked for as well: until its node is restarted elsewhere it is still there, and a mistyped address costs nothing.
   */
  mayBeAt(addresses: Addresses): void {
    const { reached } = this;
    const isLeftOut = reached !== undefined && !addresses.includes(reached);
    this.addresses = isLeftOut ? [...addresses, reached] : addresses;
    for (const address of this.lastProblems.keys()) {
      if (!this.addresses.includes(address)) this.lastProblems.delete(address);
    }
    if (this.closed || this.addresses.includes(this.dialled)) return;
    const { call } = this;
    this.forget();
    call?.cancel();
    clearTimeout(this.redialTimer);
    this.redialMs = REDIAL_MIN_MS;
    this.turnTo(this.addresses[0]);
    this.dial();
    this.listener.onLost();
  }

  /** Whether the peer has taken the present call: a call of another kind would reach it, too. */
  get isConnected(): boolean {
    return this.connected;
  }

  /** Sends heartbeats and keepalives before anything else that has not reached the stream yet. */
  send(messages: PeerMessage[]): void {
    const { call } = this;
    if (call === undefined) {
      this.listener.onLost();
      return;
    }
    const urgent = messages.filter(isUrgent);
    const others = urgent.length === 0 ? messages : messages.filter((message) => !isUrgent(message));
    const { peerQueueBytesMax, peerUrgentBytesMax } = bounds;
    let isLost = false;
    if (urgent.length > 0) {
      if (this.queuedBytes < peerQueueBytesMax + peerUrgentBytesMax) this.sendUrgent(call, urgent);
      else isLost = true;
    }
    if (others.length > 0) {
      if (this.queuedBytes < peerQueueBytesMax) this.queue(call, others);
      else isLost = true;
    }
    if (isLost) this.listener.onLost();
  }

  private sendUrgent(call: ClientWritableStream<ExchangeRequest>, messages: PeerMessage[]): void {
    const bytes = messages.reduce((sum, message) => sum + weight(message), 0);
    this.queuedBytes += bytes;
    this.write(call, messages, bytes);
  }

  private queue(call: ClientWritableStream<ExchangeRequest>, messages: PeerMessage[]): void {
    // Several gRPC messages rather than one that may be too large to be sent at all.
    let start = 0;
    let bytes = 0;
    for (let end = 0; end < messages.length; end++) {
      const next = weight(messages[end]);
      this.queuedBytes += next;
      if (end > start && bytes + next > bounds.peerBatchBytesMax) {
        this.waiting.push({ messages: messages.slice(start, end), bytes });
        start = end;
        bytes = 0;
      }
      bytes += next;
    }
    this.waiting.push({ messages: start === 0 ? messages : messages.slice(start), bytes });
    this.sendOn(call);
  }

  /** Hands on what waits, as far as the socket keeps up. */
  private sendOn(call: ClientWritableStream<ExchangeRequest>): void {
    const { waiting } = this;
    let sent = 0;
    for (; this.aheadBytes < bounds.peerAheadBytesMax; sent++) {
      const next = waiting[sent];
      if (next === undefined) break;
      this.write(call, next.messages, next.bytes);
    }
    if (sent > 0) waiting.splice(0, sent);
  }

  private write(call: ClientWritableStream<ExchangeRequest>, messages: PeerMessage[], bytes: number): void {
    this.aheadBytes += bytes;
    call.write(create(ExchangeRequestSchema, { messages }), () => {
      if (this.call !== call) return;
      this.aheadBytes -= bytes;
      this.queuedBytes -= bytes;
      this.sendOn(call);
    });
  }

  /**
   * The peer gives a sign of life: a pause before the next dial, of the link or of its connection, ends now. Where nobody
   * answers a dial soon though the peer lives, it is not, if it may be elsewhere.
   */
  wake(): void {
    if (this.closed || this.connected) return;
    this.redialMs = REDIAL_MIN_MS;
    if (this.call === undefined) {
      clearTimeout(this.redialTimer);
      this.replaceChannel();
      this.dial();
    }
    if (this.addresses.length > 1) this.hurry();
  }

  /** Gives the present dial little time more; once, however often the peer calls. */
  private hurry(): void {
    const { call } = this;
    if (call === undefined || this.hurried === call) return;
    this.hurried = call;
    clearTimeout(this.dialTimer);
    const timeoutMs = Math.min(AWAKE_DIAL_TIMEOUT_MS, this.dialTimeoutMs);
    this.dialTimer = setTimeout(() => this.unanswered(call), timeoutMs);
  }

  /** A connection keeps pauses of its own; a new one has none. */
  private replaceChannel(): void {
    const old = this.channel;
    this.channel = channelTo(this.dialled);
    old.close();
  }

  private turnTo(address: string): void {
    this.dialled = address;
    this.logger = this.peersLogger.child({ peer: this.handshake.to, address });
    this.replaceChannel();
  }

  /** Dials again, at the next address if there are several. */
  private redial(): void {
    const { addresses, dialled } = this;
    const next = addresses[(addresses.indexOf(dialled) + 1) % addresses.length];
    if (next !== undefined && next !== dialled) this.turnTo(next);
    this.dial();
  }

  private dial(): void {
    if (this.closed) return;
    const method = service.exchange;
    const call = this.channel.makeClientStreamRequest<ExchangeRequest, ExchangeResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      handshakeMetadata(this.handshake),
      (error) => {
        if (error !== null && this.call === call) {
          if (isRemoval(error, this.handshake)) this.listener.onRemoved(error.details);
          else if (isEstrangement(error, this.handshake)) this.listener.onEstranged(error.details);
        }
        this.broken(call, error === null ? "the peer ended the stream" : withoutEmptyTail(error.details));
      },
    );
    call.on("metadata", () => {
      if (this.call === call) {
        clearTimeout(this.dialTimer);
        this.reached = this.dialled;
      }
      this.connected = this.call === call;
      this.redialMs = REDIAL_MIN_MS;
      this.lastProblems.clear();
      this.logger.info("connected to peer");
    });
    // An error also reaches the callback above; unhandled, it would end the process.
    call.on("error", () => undefined);
    this.call = call;
    this.dialTimer = setTimeout(() => this.unanswered(call), this.dialTimeoutMs);
  }

  /** Nobody took the call: the next one goes over a connection of its own. */
  private unanswered(call: ClientWritableStream<ExchangeRequest>): void {
    if (this.call !== call) return;
    this.broken(call, `no answer within ${this.dialTimeoutMs} ms`);
    call.cancel();
    this.replaceChannel();
  }

  private broken(call: ClientWritableStream<ExchangeRequest>, problem: string): void {
    if (this.call !== call) return;
    const wasTaken = this.connected;
    this.forget();
    if (this.closed) return;
    if (problem !== this.lastProblems.get(this.dialled)) {
      this.lastProblems.set(this.dialled, problem);
      this.logger.warn({ problem }, "the link to a peer is down");
    }
    this.listener.onLost();
    // Where the peer was a moment ago first: elsewhere a dial may hang.
    this.redialTimer = setTimeout(() => (wasTaken ? this.dial() : this.redial()), this.redialMs);
    this.redialMs = Math.min(this.redialMs * 2, REDIAL_MAX_MS);
  }

  /** There is no call any more. */
  private forget(): void {
    clearTimeout(this.dialTimer);
    this.call = undefined;
    this.connected = false;
    this.queuedBytes = 0;
    this.aheadBytes = 0;
    this.waiting = [];
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.redialTimer);
    clearTimeout(this.dialTimer);
    this.call?.cancel();
    this.call = undefined;
    this.channel.close();
  }
}

function channelTo(address: string): Client {
  return new Client(address, credentials.createInsecure(), peerChannelOptions);
}

/** Leaderships and leases end when these come late, and they are small. Raft takes messages in any order. */
function isUrgent({ message }: PeerMessage): boolean {
  switch (message.case) {
    case "heartbeat":
    case "heartbeatResult":
    case "renewLeases":
    case "renewLeasesResult":
      return true;
    default:
      return false;
  }
}

/** About how many bytes a message has; only what may be large is looked at. */
function weight(message: PeerMessage | undefined): number {
  const wire = message?.message;
  let bytes = MESSAGE_OVERHEAD_BYTES;
  if (wire?.case === "appendEntries") {
    for (const { data } of wire.value.entries) bytes += data.length + MESSAGE_OVERHEAD_BYTES;
  } else if (wire?.case === "propose") {
    for (const batch of wire.value.batches) bytes += batch.length;
  } else if (wire?.case === "renewLeases") {
    bytes += 9 * wire.value.leaseIds.length;
  } else if (wire?.case === "renewLeasesResult") {
    bytes += 9 * wire.value.ttlsMs.length;
  }
  return bytes;
}

const MESSAGE_OVERHEAD_BYTES = 64;

/** grpc-js ends what it says of a failed connection with a note of its resolver, which is empty for an address. */
function withoutEmptyTail(details: string): string {
  return details.replace(/\. Resolution note: $/, "");
}
