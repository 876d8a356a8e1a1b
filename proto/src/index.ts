// Everything generated from proto/quorate/v1, and its binding to grpc-js.
export * from "./gen/quorate/v1/cluster_pb.js";
export * from "./gen/quorate/v1/command_pb.js";
export * from "./gen/quorate/v1/kv_pb.js";
export * from "./gen/quorate/v1/lease_pb.js";
export * from "./gen/quorate/v1/peer_pb.js";
export * from "./gen/quorate/v1/session_pb.js";
export * from "./gen/quorate/v1/space_pb.js";
export * from "./gen/quorate/v1/types_pb.js";
export * from "./gen/quorate/v1/watch_pb.js";
export { type GrpcMethod, type GrpcServiceDefinition, grpcServiceDefinition } from "./grpc.js";
