import { create } from "@bufbuild/protobuf";
import type { ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import { GrantRequestSchema, RevokeRequestSchema } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import { put, TestMachine } from "../state-machine/machine.test-support.js";
import { Executor } from "./executor.js";
import { unary } from "./unary.js";

/** The calls of a node that applies at once what it is given. */
function served() {
  const t = new TestMachine();
  const executor = new Executor({
    machine: t.machine,
    submit: (command, done) => done(t.command(command)),
    read: (fresh) => fresh(),
    readAt: (_revision, _patienceMs, fresh) => fresh(),
    renewLeases: () => undefined,
  });
  const call = <Request, Response>(
    handler: (call: ServerUnaryCall<Request, Response>, done: (e: unknown, r?: unknown) => void) => void,
    request: Request,
  ): { code?: string; response?: unknown } => {
    let answer: { code?: string; response?: unknown } = {};
    handler({ request } as ServerUnaryCall<Request, Response>, (error, response) => {
      answer =
        error === null
          ? { response }
          : { code: String((error as ServiceError).metadata.get("quorate-error")[0]) };
    });
    return answer;
  };
  return { t, executor, call };
}

describe("a unary call about leases", () => {
  it("that is sent again under its number does what it did the first time, and no more", () => {
    const { t, executor, call } = served();
    const sessionId = BigInt(t.session());
    const grant = create(GrantRequestSchema, {
      ttlMs: 60_000n,
      exactlyOnce: { sessionId, sequence: 1n, lowestPending: 1n },
    });
    const first = call(unary(executor, "grant"), grant);
    expect(first.response).toMatchObject({ ttlMs: 60_000n });
    expect(call(unary(executor, "grant"), grant)).toEqual(first);
    expect([...t.machine.allLeases()]).toHaveLength(2);
    const { leaseId } = first.response as { leaseId: bigint };
    const revoke = create(RevokeRequestSchema, {
      leaseId,
      exactlyOnce: { sessionId, sequence: 2n, lowestPending: 2n },
    });
    const revoked = call(unary(executor, "revoke"), revoke);
    expect(revoked.response).toBeDefined();
    expect(call(unary(executor, "revoke"), revoke)).toEqual(revoked);
  });

  it("is refused when the ownership it depends on is not held", () => {
    const { t, executor, call } = served();
    const held = t.run(put("/lock/1", "me"));
    const token = held.kind === "put" ? BigInt(held.revision) : 0n;
    const lease = BigInt(t.lease());
    const fence = (offset: bigint) => ({ key: "/lock", token: token + offset });
    const grant = (offset: bigint) =>
      call(unary(executor, "grant"), create(GrantRequestSchema, { ttlMs: 5_000n, fence: fence(offset) }));
    const revoke = (offset: bigint) =>
      call(unary(executor, "revoke"), create(RevokeRequestSchema, { leaseId: lease, fence: fence(offset) }));
    expect([grant(1n), revoke(1n)]).toEqual([{ code: "FENCED" }, { code: "FENCED" }]);
    expect([...t.machine.allLeases()]).toHaveLength(1);
    expect(grant(0n).response).toBeDefined();
    expect(revoke(0n).response).toBeDefined();
  });
});
