import { create } from "@bufbuild/protobuf";
import type { handleUnaryCall, Server } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  LeaseService,
  type LeasesRequest,
  type LeasesResponse,
  LeasesResponseSchema,
} from "@quorate/proto";
import { bounds } from "../config.js";
import type { Node } from "../node/node.js";
import { toGrpcError } from "./errors.js";
import type { Executor } from "./executor.js";
import { unary } from "./unary.js";

/** Adds the lease calls to a gRPC server. */
export function addLeaseService(server: Server, node: Node, executor: Executor): void {
  const leases: handleUnaryCall<LeasesRequest, LeasesResponse> = (_call, callback) => {
    node.read((failure) => {
      if (failure !== undefined) {
        callback(toGrpcError(failure));
        return;
      }
      const all = [...node.machine.allLeases()].sort((a, b) => a.id - b.id);
      callback(
        null,
        create(LeasesResponseSchema, {
          more: all.length > bounds.listLeasesMax,
          leases: all.slice(0, bounds.listLeasesMax).map((lease) => ({
            leaseId: BigInt(lease.id),
            grantedTtlMs: BigInt(lease.ttlMs),
            session: lease.isSession,
            keyCount: BigInt(lease.keyCount),
          })),
        }),
      );
    });
  };
  server.addService(
    { ...grpcServiceDefinition(LeaseService) },
    {
      grant: unary(executor, "grant"),
      revoke: unary(executor, "revoke"),
      keepAlive: unary(executor, "keepAlive"),
      timeToLive: unary(executor, "timeToLive"),
      leases,
    },
  );
}
