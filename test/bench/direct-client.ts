import { create } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  type GrantRequest,
  GrantRequestSchema,
  type GrantResponse,
  grpcServiceDefinition,
  type KeepAliveRequest,
  KeepAliveRequestSchema,
  type KeepAliveResponse,
  LeaseService,
  type WatchReply,
  type WatchRequest,
  WatchRequestSchema,
  WatchService,
} from "@quorate/proto";

const leases = grpcServiceDefinition(LeaseService);
const { watch } = grpcServiceDefinition(WatchService);
/** Bytes of a message: answers about a hundred thousand leases are large. */
const MESSAGE_BYTES_MAX = 16_777_216;

/** Calls one node without the SDK, whose bookkeeping for ten thousand watches would be measured as well. */
export class DirectClient implements Disposable {
  private readonly client: Client;

  constructor(endpoint: string) {
    this.client = new Client(endpoint, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
      // Of its own: clients of one endpoint would share a connection.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** Grants a lease and returns its id. */
  grant(ttlMs: number): Promise<bigint> {
    const { path, requestSerialize, responseDeserialize } = leases.grant;
    const request = create(GrantRequestSchema, { ttlMs: BigInt(ttlMs) });
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest<GrantRequest, GrantResponse>(
        ...[path, requestSerialize, responseDeserialize, request],
        (error, response) => (response === undefined ? reject(error) : resolve(response.leaseId)),
      );
    });
  }

  /** Keeps leases alive. Returns how many of them live. */
  keepAlive(leaseIds: bigint[]): Promise<number> {
    const { path, requestSerialize, responseDeserialize } = leases.keepAlive;
    const request = create(KeepAliveRequestSchema, { leaseIds });
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest<KeepAliveRequest, KeepAliveResponse>(
        ...[path, requestSerialize, responseDeserialize, request],
        (error, response) =>
          response === undefined ? reject(error) : resolve(response.ttlsMs.filter((ttl) => ttl > 0n).length),
      );
    });
  }

  /** Watches one key so many times on one stream. Resolves once all watches exist; then `onEvents` is called for each reply. */
  watch(path: string, count: number, onEvents: (revision: number) => void): Promise<void> {
    const stream: ClientDuplexStream<WatchRequest, WatchReply> = this.client.makeBidiStreamRequest(
      ...[watch.path, watch.requestSerialize, watch.responseDeserialize],
    );
    return new Promise((resolve, reject) => {
      let created = 0;
      stream.on("error", reject);
      stream.on("data", ({ reply }: WatchReply) => {
        if (reply.case === "events") onEvents(Number(reply.value.revision));
        else if (reply.case === "created" && ++created === count) resolve();
        else if (reply.case === "ended") reject(new Error(`a watch ended: ${reply.value.error?.message}`));
      });
      for (let i = 1; i <= count; i++) {
        const request = { case: "create", value: { watchId: BigInt(i), path } } as const;
        stream.write(create(WatchRequestSchema, { request }));
      }
    });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
