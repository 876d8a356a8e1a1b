import { create } from "@bufbuild/protobuf";
import {
  CompareSchema,
  Consistency,
  ErrorCode,
  GetRequestSchema,
  GrantRequestSchema,
  grpcServiceDefinition,
  KeepAliveRequestSchema,
  KVService,
  LeaseService,
  ListRequestSchema,
  PutRequestSchema,
  RevokeRequestSchema,
  TimeToLiveRequestSchema,
  TxnOperationSchema,
  TxnRequestSchema,
} from "@quorate/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalCluster } from "../cluster/local-cluster.js";
import { RawClient, Refusal } from "./raw-client.js";
import { changesNothing, startQuietCluster } from "./unchanged.js";

const kv = grpcServiceDefinition(KVService);
const leases = grpcServiceDefinition(LeaseService);
const NO_LEASE = 999_999n;
const UNKNOWN_RELATION: number = 99;

let cluster: LocalCluster;
let client: RawClient;

beforeAll(async () => {
  cluster = await startQuietCluster();
  client = new RawClient(cluster.endpoints[0] ?? "");
  await client.unary(kv.put, create(PutRequestSchema, { path: "/present" }));
});

afterAll(async () => {
  client[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof Refusal) return thrown;
  throw new Error(`the call was not refused: ${String(thrown)}`);
}

describe("a client that does not use the SDK", () => {
  it("is told of a wrong argument by status and trailer, and nothing changes", async () => {
    const put = (init: Parameters<typeof create<typeof PutRequestSchema>>[1]) =>
      client.unary(kv.put, create(PutRequestSchema, init));
    const txn = (init: Parameters<typeof create<typeof TxnRequestSchema>>[1]) =>
      client.unary(kv.txn, create(TxnRequestSchema, init));
    const inner = create(TxnOperationSchema, {
      operation: {
        case: "txn",
        value: create(TxnRequestSchema, { fence: { key: "/locks/x", token: 1n } }),
      },
    });
    const fencedPut = create(TxnOperationSchema, {
      operation: {
        case: "put",
        value: create(PutRequestSchema, { path: "/x", fence: { key: "/locks/x", token: 1n } }),
      },
    });
    const calls: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
      ["a negative fencing token", () => put({ path: "/x", fence: { key: "/l", token: -1n } }), /positive/],
      ["a negative lease", () => put({ path: "/x", leaseId: -1n }), /lease id/],
      ["a lease id beyond 2^53", () => put({ path: "/x", leaseId: 2n ** 60n }), /lease id/],
      [
        "an exactly-once mutation of sequence 0",
        () => put({ path: "/x", exactlyOnce: { sessionId: 1n, sequence: 0n } }),
        /sequence from 1/,
      ],
      [
        "an exactly-once mutation of no session",
        () => put({ path: "/x", exactlyOnce: { sessionId: 0n, sequence: 1n } }),
        /needs a session/,
      ],
      ["a transaction with an empty operation", () => txn({ then: [create(TxnOperationSchema)] }), /empty/],
      [
        "a compare with an unknown relation",
        () =>
          txn({
            compares: [
              create(CompareSchema, {
                path: "/x",
                relation: UNKNOWN_RELATION,
                target: { case: "version", value: 0n },
              }),
            ],
          }),
        /unknown relation 99/,
      ],
      [
        "a compare with nothing",
        () => txn({ compares: [create(CompareSchema, { path: "/x" })] }),
        /what to compare/,
      ],
      ["a fence inside a nested transaction", () => txn({ then: [inner] }), /outermost/],
      ["a fence on a put in a transaction", () => txn({ then: [fencedPut] }), /outermost/],
      [
        "a negative revision",
        () => client.unary(kv.get, create(GetRequestSchema, { path: "/x", revision: -1n })),
        /negative/,
      ],
      [
        "a negative minimal revision",
        () =>
          client.unary(
            kv.get,
            create(GetRequestSchema, { path: "/x", minRevision: -1n, consistency: Consistency.SERIALIZABLE }),
          ),
        /negative/,
      ],
      [
        "a negative limit",
        () => client.unary(kv.list, create(ListRequestSchema, { path: "/", limit: -5n })),
        /negative/,
      ],
      [
        "a lease of no time",
        () => client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: 0n })),
        /between 1 and 86400000/,
      ],
      [
        "a lease of negative time",
        () => client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: -1n })),
        /between 1 and 86400000/,
      ],
      [
        "a lease of more than a day",
        () => client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: 86_400_001n })),
        /between 1 and 86400000/,
      ],
      [
        "a lease id that leaves no room for others",
        () =>
          client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: 5_000n, leaseId: 2n ** 52n + 1n })),
        /lease id/,
      ],
      [
        "a keepalive of a negative lease",
        () => client.unary(leases.keepAlive, create(KeepAliveRequestSchema, { leaseIds: [-1n] })),
        /lease id/,
      ],
    ];
    await changesNothing(cluster, async () => {
      for (const [what, call, says] of calls) {
        const { status, code, message } = await refusalOf(call());
        expect({ status, code }, what).toEqual({ status: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT" });
        expect(message, what).toMatch(says);
      }
    });
  });

  it("is told of every other refusal by its own code", async () => {
    await changesNothing(cluster, async () => {
      const revoke = client.unary(leases.revoke, create(RevokeRequestSchema, { leaseId: NO_LEASE }));
      expect(await refusalOf(revoke)).toMatchObject({ status: "NOT_FOUND", code: "LEASE_NOT_FOUND" });

      const fence = { key: "/locks/nobody", token: 7n };
      const fenced = client.unary(kv.put, create(PutRequestSchema, { path: "/x", fence }));
      expect(await refusalOf(fenced)).toMatchObject({ status: "FAILED_PRECONDITION", code: "FENCED" });

      const exactlyOnce = { sessionId: NO_LEASE, sequence: 1n };
      const orphan = client.unary(kv.put, create(PutRequestSchema, { path: "/x", exactlyOnce }));
      expect(await refusalOf(orphan)).toMatchObject({
        status: "FAILED_PRECONDITION",
        code: "SESSION_EXPIRED",
      });

      const value = new Uint8Array(1_048_577);
      const big = client.unary(kv.put, create(PutRequestSchema, { path: "/x", value }));
      expect(await refusalOf(big)).toMatchObject({ status: "INVALID_ARGUMENT", code: "TOO_LARGE" });

      const { revision } = (await cluster.status(0)) ?? {};
      const future = client.unary(kv.get, create(GetRequestSchema, { path: "/x", revision: 4_000n }));
      expect(await refusalOf(future)).toMatchObject({
        status: "OUT_OF_RANGE",
        code: "FUTURE_REVISION",
        revision,
      });
    });
  });

  it("learns that a lease does not exist from keepalive and time to live", async () => {
    await changesNothing(cluster, async () => {
      const kept = await client.unary(
        leases.keepAlive,
        create(KeepAliveRequestSchema, { leaseIds: [NO_LEASE] }),
      );
      expect(kept.ttlsMs).toEqual([0n]);
      const request = create(TimeToLiveRequestSchema, { leaseId: NO_LEASE, keys: true });
      expect(await client.unary(leases.timeToLive, request)).toMatchObject({
        remainingMs: -1n,
        grantedTtlMs: 0n,
        paths: [],
      });
    });
  });

  it("cannot have a lease twice, and a short one is raised to the minimum", async () => {
    const granted = await client.unary(
      leases.grant,
      create(GrantRequestSchema, { ttlMs: 1n, leaseId: 5_000n }),
    );
    expect(granted).toMatchObject({ leaseId: 5_000n, ttlMs: 1_000n });
    const again = client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: 60_000n, leaseId: 5_000n }));
    expect(await refusalOf(again)).toMatchObject({ status: "ALREADY_EXISTS", code: "LEASE_EXISTS" });
  });

  it("gets an error for bytes that are no request, and for a message beyond every limit", async () => {
    await changesNothing(cluster, async () => {
      for (const bytes of [
        [0xff, 0xff, 0xff],
        [0x0a, 0x7f, 0x41],
        [0x0a, 0x03, 0x2f, 0xff, 0x61],
      ]) {
        const { message } = await refusalOf(client.unaryBytes(kv.put, Uint8Array.from(bytes)));
        expect(message).toMatch(/deserializ/);
      }
      const { status } = await refusalOf(client.unaryBytes(kv.put, new Uint8Array(17 * 1_048_576)));
      expect(status).toBe("RESOURCE_EXHAUSTED");
    });
  });
});

describe("a session stream that breaks the rules", () => {
  it("ends when operations come before the welcome", async () => {
    const session = client.session();
    session.send({ operations: [{ sequence: 1n, operation: { case: "get", value: { path: "/x" } } }] });
    expect(await session.ended).toMatchObject({ code: "INVALID_ARGUMENT", message: /welcome/ });
  });

  it("ends when operations come along with hello", async () => {
    await changesNothing(cluster, async () => {
      const session = client.session();
      session.send({
        hello: {},
        operations: [{ sequence: 1n, operation: { case: "put", value: { path: "/x" } } }],
      });
      expect(await session.ended).toMatchObject({ code: "INVALID_ARGUMENT", message: /welcome/ });
    });
  });

  it("ends at a second hello, and the session lives on", async () => {
    const session = client.session();
    const id = await session.greet();
    session.send({ hello: {} });
    expect(await session.ended).toMatchObject({ code: "INVALID_ARGUMENT", message: /once/ });
    const resumed = client.session();
    expect(await resumed.greet(id)).toBe(id);
    resumed.close();
  });

  it("is told that a session does not exist", async () => {
    const session = client.session();
    session.send({ hello: { sessionId: 123_456n } });
    expect(await session.ended).toMatchObject({ status: "FAILED_PRECONDITION", code: "SESSION_EXPIRED" });
  });

  it("cannot take a lease that is no session for one", async () => {
    const { leaseId } = await client.unary(leases.grant, create(GrantRequestSchema, { ttlMs: 60_000n }));
    const session = client.session();
    session.send({ hello: { sessionId: leaseId } });
    expect(await session.ended).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  it("gets an error for sequence 0, for an empty operation and for a forgotten sequence, and goes on", async () => {
    const session = client.session();
    await session.greet();
    const codeOf = async (): Promise<ErrorCode | undefined> => {
      const result = (await session.reply()).results[0]?.result;
      return result?.case === "error" ? result.value.code : undefined;
    };
    const put = { case: "put", value: { path: "/session/x", value: new Uint8Array(1) } } as const;
    session.send({ operations: [{ sequence: 0n, operation: put }] });
    expect(await codeOf()).toBe(ErrorCode.INVALID_ARGUMENT);
    session.send({ operations: [{ sequence: 1n }] });
    expect(await codeOf()).toBe(ErrorCode.INVALID_ARGUMENT);
    session.send({ lowestPending: 5n, operations: [{ sequence: 5n, operation: put }] });
    expect((await session.reply()).results[0]?.result.case).toBe("put");
    session.send({ lowestPending: 5n, operations: [{ sequence: 4n, operation: put }] });
    expect(await codeOf()).toBe(ErrorCode.SEQUENCE_FORGOTTEN);
    session.send({ lowestPending: 6n, operations: [{ sequence: 6n, operation: put }] });
    expect((await session.reply()).results[0]?.result.case).toBe("put");
    session.close();
    expect(await session.ended).toBeUndefined();
  });
});
