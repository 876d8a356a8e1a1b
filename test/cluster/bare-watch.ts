import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import {
  type ErrorCode,
  grpcServiceDefinition,
  type WatchReply,
  type WatchRequest,
  WatchService,
} from "@quorate/proto";

const method = grpcServiceDefinition(WatchService).watch;

/** A watch as the wire has it, without the SDK's patience. */
export class BareWatch implements Disposable {
  readonly replies: WatchReply["reply"][] = [];
  private readonly channel: Client;
  private readonly call: ClientDuplexStream<WatchRequest, WatchReply>;

  constructor(endpoint: string, path: string) {
    this.channel = new Client(endpoint, credentials.createInsecure());
    this.call = this.channel.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      new Metadata(),
      {},
    );
    this.call.on("data", ({ reply }: WatchReply) => this.replies.push(reply));
    this.call.on("error", () => undefined);
    this.call.write({
      $typeName: "quorate.v1.WatchRequest",
      request: {
        case: "create",
        value: {
          $typeName: "quorate.v1.WatchCreate",
          watchId: 1n,
          path,
          recursive: false,
          startRevision: 0n,
          initial: false,
          previous: false,
          exclude: [],
          progress: false,
          historyId: "",
        },
      },
    });
  }

  /** The error it ended with; undefined while it has not ended. */
  get endedWith(): ErrorCode | undefined {
    const last = this.replies.at(-1);
    return last?.case === "ended" ? last.value.error?.code : undefined;
  }

  [Symbol.dispose](): void {
    this.call.cancel();
    this.channel.close();
  }
}
