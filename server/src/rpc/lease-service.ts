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
import type { LeaseInfo } from "../state-machine/index.js";
import { problemOf, toGrpcError } from "./errors.js";
import type { Executor } from "./executor.js";
import { allBound } from "./history-binding.js";
import { leaseId, limitWithin } from "./requests.js";
import { unary } from "./unary.js";

/** Adds the lease calls to a gRPC server. */
export function addLeaseService(server: Server, node: Node, executor: Executor): void {
  const leases: handleUnaryCall<LeasesRequest, LeasesResponse> = ({ request }, callback) => {
    node.read((failure) => {
      if (failure !== undefined) {
        callback(toGrpcError(failure));
        return;
      }
      try {
        callback(null, pageOf(node.machine.allLeases(), request));
      } catch (thrown) {
        callback(toGrpcError(problemOf(thrown)));
      }
    });
  };
  server.addService(
    { ...grpcServiceDefinition(LeaseService) },
    allBound(node, {
      grant: unary(executor, "grant"),
      revoke: unary(executor, "revoke"),
      keepAlive: unary(executor, "keepAlive"),
      timeToLive: unary(executor, "timeToLive"),
      leases,
    }),
  );
}

function pageOf(all: Iterable<LeaseInfo>, request: LeasesRequest): LeasesResponse {
  const after = leaseId(request.after);
  const limit = limitWithin(request.limit, bounds.listLeasesMax);
  const later = [...all].filter(({ id }) => id > after).sort((a, b) => a.id - b.id);
  return create(LeasesResponseSchema, {
    more: later.length > limit,
    leases: later.slice(0, limit).map((lease) => ({
      leaseId: BigInt(lease.id),
      grantedTtlMs: BigInt(lease.ttlMs),
      session: lease.isSession,
      keyCount: BigInt(lease.keyCount),
    })),
  });
}
