import { grpcServiceDefinition, LeaseService, type TimeToLiveResponse } from "@quorate/proto";
import { bounds, type CallOptions } from "../client/options.js";
import { int64, wirePath } from "../kv/request.js";
import { type OperationRunner, unexpectedResponse } from "../session/operation.js";
import type { UnaryRunner } from "../session/unary-runner.js";
import { leaseId } from "./lease-calls.js";
import type { LeaseInfo, LeaseStatus } from "./leases.js";

const { leases: method } = grpcServiceDefinition(LeaseService);

/** Every lease, a page at a time. */
export async function* allLeases(
  unary: UnaryRunner,
  options: CallOptions,
): AsyncGenerator<LeaseInfo, void, undefined> {
  for (let after = 0n; ; ) {
    const limit = BigInt(bounds.listPageNodes);
    const request = { $typeName: "quorate.v1.LeasesRequest" as const, after, limit };
    const page = await unary.call({ method, request, mutation: false }, options);
    for (const { leaseId: id, grantedTtlMs, session, keyCount } of page.leases) {
      yield { id: Number(id), ttlMs: Number(grantedTtlMs), session, keyCount: Number(keyCount) };
    }
    const last = page.leases.at(-1);
    if (!page.more || last === undefined) return;
    after = last.leaseId;
  }
}

/** One lease; undefined when it does not exist. */
export async function leaseStatus(
  runner: OperationRunner,
  id: number,
  options: CallOptions,
): Promise<LeaseStatus | undefined> {
  const { remainingMs, grantedTtlMs, session, keyCount } = await timeToLive(runner, id, undefined, options);
  if (remainingMs < 0n) return undefined;
  return {
    id,
    ttlMs: Number(grantedTtlMs),
    session,
    keyCount: Number(keyCount),
    remainingMs: Number(remainingMs),
  };
}

/** The keys of a lease, a page at a time. */
export async function* leaseKeys(
  runner: OperationRunner,
  id: number,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  for (let after = ""; ; ) {
    const { paths, more } = await timeToLive(runner, id, after, options);
    yield* paths;
    const last = paths.at(-1);
    if (!more || last === undefined) return;
    after = last;
  }
}

/** Asks for a lease, and with `after` for its keys behind that path. */
function timeToLive(
  runner: OperationRunner,
  id: number,
  after: string | undefined,
  options: CallOptions,
): Promise<TimeToLiveResponse> {
  const value = {
    $typeName: "quorate.v1.TimeToLiveRequest" as const,
    leaseId: leaseId(id),
    keys: after !== undefined,
    after: wirePath(after ?? ""),
    limit: int64("limit", bounds.listPageNodes),
  };
  return runner.run(
    { case: "timeToLive", value },
    (response) => {
      if (response.case !== "timeToLive") throw unexpectedResponse("timeToLive", response);
      return response.value;
    },
    options,
  );
}
