import {
  type DescMessage,
  type DescService,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** One method as grpc-js wants it described. */
export interface GrpcMethod<Request extends Message = Message, Response extends Message = Message> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A service's methods by their local names, typed by the descriptor they come from. */
export type GrpcServiceDefinition<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: GrpcMethod<
    MessageShape<Service["method"][Name]["input"]>,
    MessageShape<Service["method"][Name]["output"]>
  >;
};

function serializer(desc: DescMessage): (message: Message) => Buffer {
  return (message) => {
    const bytes = toBinary(desc, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function deserializer(desc: DescMessage): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(desc, bytes);
}

/** Describes a generated service to grpc-js, for its servers and for its clients. */
export function grpcServiceDefinition<Service extends DescService>(
  service: Service,
): GrpcServiceDefinition<Service> {
  const methods: Record<string, GrpcMethod> = {};
  for (const method of service.methods) {
    const streams = method.methodKind;
    methods[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: streams === "client_streaming" || streams === "bidi_streaming",
      responseStream: streams === "server_streaming" || streams === "bidi_streaming",
      requestSerialize: serializer(method.input),
      requestDeserialize: deserializer(method.input),
      responseSerialize: serializer(method.output),
      responseDeserialize: deserializer(method.output),
    };
  }
  return methods as unknown as GrpcServiceDefinition<Service>;
}
