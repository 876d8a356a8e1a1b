import type { Fence } from "@quorate/proto";
import { bounds } from "../client/options.js";
import { InvalidArgument, LeaseNotFound } from "../errors/quorate-error.js";
import type { MutationOptions } from "../kv/options.js";
import { fenceOf, int64 } from "../kv/request.js";
import { type OperationRunner, unexpectedResponse } from "../session/operation.js";
import type { Renewer, RenewOptions } from "./renewer.js";

/** A lease as a server granted it. */
export interface Granted {
  readonly id: number;
  readonly ttlMs: number;
}

/** Grants a lease. Rejects with Fenced when the ownership it is to depend on is not held. */
export async function grantLease(
  runner: OperationRunner,
  ttlMs: number,
  options: MutationOptions,
): Promise<Granted> {
  if (!(ttlMs >= bounds.durationMinMs && ttlMs <= bounds.durationMaxMs)) {
    throw new InvalidArgument(
      `ttlMs: ${ttlMs} is not between ${bounds.durationMinMs} and ${bounds.durationMaxMs}`,
    );
  }
  const value = {
    $typeName: "quorate.v1.GrantRequest" as const,
    ttlMs: int64("ttlMs", Math.ceil(ttlMs)),
    leaseId: 0n,
    ...fencePart(options),
  };
  return runner.run(
    { case: "grant", value },
    (response) => {
      if (response.case !== "grant") throw unexpectedResponse("grant", response);
      return { id: Number(response.value.leaseId), ttlMs: Number(response.value.ttlMs) };
    },
    options,
  );
}

/** Ends a lease. Rejects with LeaseNotFound when it does not exist, and with Fenced as a grant does. */
export async function revokeLease(
  runner: OperationRunner,
  id: number,
  options: MutationOptions,
): Promise<void> {
  const value = {
    $typeName: "quorate.v1.RevokeRequest" as const,
    leaseId: leaseId(id),
    ...fencePart(options),
  };
  await runner.run(
    { case: "revoke", value },
    (response) => {
      if (response.case !== "revoke") throw unexpectedResponse("revoke", response);
    },
    options,
  );
}

/**
 * Renews a lease that is to exist, and resolves with its time to live. Rejects with LeaseNotFound when it does not, and
 * with HistoryChanged where the nodes are of another history.
 */
export async function keepLeaseAlive(renewer: Renewer, id: number, options: RenewOptions): Promise<number> {
  leaseId(id);
  const { ttlMs, changed } = await renewer.renew(id, options);
  if (changed !== undefined) throw changed;
  if (ttlMs === 0)
    throw new LeaseNotFound(`lease ${id} does not exist: it expired, was revoked, or never was`);
  return ttlMs;
}

function fencePart({ fence }: MutationOptions): { readonly fence?: Fence } {
  const wire = fenceOf(fence);
  return wire === undefined ? {} : { fence: wire };
}

/** An id as the wire has it. Throws InvalidArgument when it is none. */
export function leaseId(id: number): bigint {
  if (id === 0) throw new InvalidArgument("0 is no lease: ids begin at 1");
  return int64("lease", id);
}
