import type { Server } from "@grpc/grpc-js";
import { grpcServiceDefinition, KVService } from "@quorate/proto";
import type { Node } from "../node/node.js";
import type { Executor } from "./executor.js";
import { allBound } from "./history-binding.js";
import { historyCall } from "./history-call.js";
import { unary } from "./unary.js";

/** Adds the key-value calls to a gRPC server. */
export function addKvService(server: Server, node: Node, executor: Executor): void {
  server.addService(
    { ...grpcServiceDefinition(KVService) },
    allBound(node, {
      get: unary(executor, "get"),
      list: unary(executor, "list"),
      put: unary(executor, "put"),
      delete: unary(executor, "delete"),
      txn: unary(executor, "txn"),
      history: historyCall(node),
    }),
  );
}
