import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type Metadata, status } from "@grpc/grpc-js";
import {
  type GrpcMethod,
  grpcServiceDefinition,
  type SessionReply,
  type SessionRequest,
  SessionRequestSchema,
  SessionService,
} from "@quorate/proto";

/** How a call ended that was refused, as any gRPC client would see it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Name of the gRPC status. */
  readonly status: string;
  /** The trailer `quorate-error`; undefined when gRPC itself refused. */
  readonly code: string | undefined;
  /** The trailer `quorate-revision`. */
  readonly revision: number | undefined;

  constructor(failure: { code: status; details: string; metadata: Metadata }) {
    super(failure.details);
    this.status = status[failure.code];
    this.code = failure.metadata.get("quorate-error")[0]?.toString();
    const revision = failure.metadata.get("quorate-revision")[0]?.toString();
    this.revision = revision === undefined ? undefined : Number(revision);
  }
}

/** A gRPC client without the SDK's care: it sends what it is told to. */
export class RawClient implements Disposable {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_send_message_length": -1,
    });
  }

  /** Makes one call. Rejects with a Refusal. */
  unary<Request, Response>(
    method: {
      readonly path: string;
      readonly requestSerialize: (request: Request) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => Response;
    },
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      const deadline = Date.now() + 10_000;
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        (error, response) => {
          if (error !== null) reject(new Refusal(error));
          else if (response !== undefined) resolve(response);
        },
      );
    });
  }

  /** Makes one call whose request is these bytes, whatever they are. */
  unaryBytes(method: Pick<GrpcMethod, "path">, bytes: Uint8Array): Promise<unknown> {
    return this.unary(
      {
        path: method.path,
        requestSerialize: () => Buffer.from(bytes),
        responseDeserialize: (answer) => answer,
      },
      undefined,
    );
  }

  /** Opens a session stream. */
  session(): RawSession {
    const { path, requestSerialize, responseDeserialize } = grpcServiceDefinition(SessionService).connect;
    return new RawSession(this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** A session stream, driven by hand. */
export class RawSession {
  readonly #call: ClientDuplexStream<SessionRequest, SessionReply>;
  readonly #replies: SessionReply[] = [];
  readonly #waiting: ((reply: SessionReply) => void)[] = [];
  /** Resolves when the stream is over: with the refusal, or undefined when it ended in order. */
  readonly ended: Promise<Refusal | undefined>;

  constructor(call: ClientDuplexStream<SessionRequest, SessionReply>) {
    this.#call = call;
    call.on("data", (reply: SessionReply) => {
      const taker = this.#waiting.shift();
      if (taker === undefined) this.#replies.push(reply);
      else taker(reply);
    });
    // What an error says comes with the status as well; unhandled, it would end the process.
    call.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      call.on("status", (end) => resolve(end.code === status.OK ? undefined : new Refusal(end)));
    });
  }

  send(request: MessageInitShape<typeof SessionRequestSchema>): void {
    this.#call.write(create(SessionRequestSchema, request));
  }

  /** The next reply; rejects when the stream ends before it. */
  async reply(): Promise<SessionReply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return reply;
    const end = this.ended.then((refusal): never => {
      throw refusal ?? new Error("the stream ended");
    });
    return await Promise.race([new Promise<SessionReply>((resolve) => this.#waiting.push(resolve)), end]);
  }

  /** Says hello and returns the session's id. */
  async greet(sessionId = 0n): Promise<bigint> {
    this.send({ hello: { sessionId } });
    return (await this.reply()).welcome?.sessionId ?? 0n;
  }

  close(): void {
    this.#call.end();
  }
}
