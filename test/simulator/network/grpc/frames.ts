import type { Metadata } from "@grpc/grpc-js";

/** What a call's sides tell each other. */
export interface Status {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The server's side of a call, as the client's side reaches it through the network. */
export interface RemoteServerCall {
  message(message: unknown): void;
  halfClosed(): void;
  reset(): void;
}

/** The client's side of a call, as the server's side reaches it. */
export interface RemoteClientCall {
  initial(metadata: Metadata): void;
  message(message: unknown): void;
  trailers(status: Status): void;
}

/** Messages written and not yet sent before a stream says that it is full. */
export const HELD_MESSAGES_MAX = 16;

/** One of the methods of a service, as it is registered and called. */
export interface Codec {
  readonly serialize: (message: never) => Buffer;
  readonly deserialize: (bytes: Buffer) => unknown;
}

/** What kinds of peer messages a request carries; those that are Raft's may be lost, twice or late. */
export function isLossy(path: string, message: unknown): boolean {
  if (!path.endsWith("/Exchange")) return false;
  const { messages } = message as { messages: readonly { message: { case: string | undefined } }[] };
  return messages.every(({ message: { case: kind } }) => kind !== undefined && raftKinds.has(kind));
}

const raftKinds = new Set([
  "appendEntries",
  "appendEntriesResult",
  "heartbeat",
  "heartbeatResult",
  "requestVote",
  "requestVoteResult",
  "readIndex",
  "readIndexResult",
  "timeoutNow",
]);

/** A message in words, for the trace. */
export function describe(message: unknown): string {
  return JSON.stringify(message, (key, value: unknown) => {
    if (key === "$typeName") return undefined;
    if (typeof value === "bigint") return Number(value);
    if (value instanceof Uint8Array)
      return value.length > 48 ? `${value.length} bytes` : Buffer.from(value).toString("latin1");
    return value;
  })?.slice(0, DESCRIBED_MAX);
}

const DESCRIBED_MAX = 400;

/** A message that travels as bytes. */
export function isEncoded(message: unknown): message is { readonly encoded: Buffer } {
  return typeof message === "object" && message !== null && "encoded" in message && !("$typeName" in message);
}
