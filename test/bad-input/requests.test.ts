import {
  compare,
  FutureRevision,
  InvalidArgument,
  LeaseNotFound,
  op,
  type Quorate,
  type QuorateError,
  TooLarge,
  type TxnOp,
} from "@quorate/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalCluster } from "../cluster/local-cluster.js";
import { changesNothing, expectHealthy, startQuietCluster } from "./unchanged.js";

/** One byte more than a value may have. */
const TOO_LONG_VALUE = new Uint8Array(1_048_577);
const NO_LEASE = 999_999;
const FUTURE = 1_000_000;

type ErrorClass = new (...args: never[]) => QuorateError;

interface Case {
  readonly what: string;
  readonly call: (client: Quorate) => Promise<unknown>;
  readonly error: ErrorClass;
  readonly says: RegExp;
}

/** What is no path, and what the refusal says of it. */
const badPaths: readonly (readonly [what: string, path: string, says: RegExp])[] = [
  ["an empty path", "", /missing/],
  ["a relative path", "a/b", /begins with "\/"/],
  ["only slashes", "//", /slash|empty/],
  ["an empty segment", "/a//b", /empty segment/],
  ["a dot segment", "/a/./b", /"\." or "\.\."/],
  ["a dot-dot segment at the end", "/a/..", /"\." or "\.\."/],
  ["a trailing slash", "/a/", /end with a slash/],
  ["a NUL", "/a\0b", /control/],
  ["a newline", "/a\nb", /control/],
  ["a DEL", "/a\u007f", /control/],
  ["a C1 control character", "/a\u0080", /control/],
  ["the last of them", "/é\u009f/b", /control/],
  ["half a surrogate pair", "/a\ud800", /surrogate/],
  ["1,025 bytes", `/${"a".repeat(1_024)}`, /1024 bytes/],
  ["1,025 bytes of UTF-8 in fewer characters", `/${"é".repeat(512)}`, /1024 bytes/],
  ["65 segments", "/a".repeat(65), /64 segments/],
];

function pathCases(): Case[] {
  return badPaths.flatMap(([what, path, says]) => {
    const calls: readonly (readonly [string, Case["call"]])[] = [
      ["get", (client) => client.get(path)],
      ["list", (client) => client.list(path)],
      ["put", (client) => client.put(path, "x")],
      ["delete", (client) => client.delete(path)],
      ["a put in a transaction", (client) => client.txn({ then: [op.put(path, "x")] })],
      ["a compare", (client) => client.txn({ compares: [compare.exists(path)], then: [op.put("/x", "x")] })],
      ["a fence", (client) => client.put("/x", "x", { fence: { key: path, token: 1 } })],
      ["a watch", async (client) => await client.watch(path).next()],
    ];
    return calls.map(([name, call]) => ({ what: `${what} in ${name}`, call, error: InvalidArgument, says }));
  });
}

function puts(count: number, value: string | Uint8Array = "x"): TxnOp[] {
  return Array.from({ length: count }, (_, i) => op.put(`/many/${i}`, value));
}

function nested(levels: number): TxnOp {
  return levels === 0 ? op.put("/deep", "x") : op.txn({ then: [nested(levels - 1)] });
}

const otherCases: readonly Case[] = [
  { what: "a put of the root", call: (c) => c.put("/", "x"), error: InvalidArgument, says: /root/ },
  { what: "a get of the root", call: (c) => c.get("/"), error: InvalidArgument, says: /root/ },
  {
    what: "a delete of the root alone",
    call: (c) => c.delete("/"),
    error: InvalidArgument,
    says: /root/,
  },
  {
    what: "a sequential put whose name would be too long",
    call: (c) => c.put(`/${"a".repeat(1_010)}`, "x", { sequential: true }),
    error: InvalidArgument,
    says: /1024 bytes/,
  },
  {
    what: "a sequential put whose name would be too deep",
    call: (c) => c.put("/a".repeat(64), "x", { sequential: true }),
    error: InvalidArgument,
    says: /64 segments/,
  },
  {
    what: "a value over 1 MiB",
    call: (c) => c.put("/big", TOO_LONG_VALUE),
    error: TooLarge,
    says: /1048576 bytes/,
  },
  {
    what: "a value over 1 MiB in a transaction",
    call: (c) => c.txn({ then: [op.put("/big", TOO_LONG_VALUE)] }),
    error: TooLarge,
    says: /1048576 bytes/,
  },
  {
    what: "a transaction over 2 MiB",
    call: (c) => c.txn({ then: puts(3, new Uint8Array(800_000)) }),
    error: TooLarge,
    says: /2097152 bytes/,
  },
  {
    what: "a value that no message could carry",
    call: (c) => c.put("/big", new Uint8Array(17 * 1_048_576)),
    error: TooLarge,
    says: /at most/,
  },
  {
    what: "a negative revision in get",
    call: (c) => c.get("/a", { revision: -1 }),
    error: InvalidArgument,
    says: /-1/,
  },
  {
    what: "a fractional revision",
    call: (c) => c.get("/a", { revision: 1.5 }),
    error: InvalidArgument,
    says: /1\.5/,
  },
  {
    what: "a negative revision in list",
    call: (c) => c.list("/", { revision: -1 }),
    error: InvalidArgument,
    says: /-1/,
  },
  { what: "a negative limit", call: (c) => c.list("/", { limit: -1 }), error: InvalidArgument, says: /-1/ },
  {
    what: "a page that starts outside of the list",
    call: (c) => c.list("/a", { after: "/b/c" }),
    error: InvalidArgument,
    says: /below the listed directory/,
  },
  {
    what: "a future revision in get",
    call: (c) => c.get("/a", { revision: FUTURE }),
    error: FutureRevision,
    says: /1000000/,
  },
  {
    what: "a future revision in list",
    call: (c) => c.list("/", { revision: FUTURE }),
    error: FutureRevision,
    says: /1000000/,
  },
  {
    what: "a future revision in a transaction",
    call: (c) => c.txn({ then: [op.put("/x", "x"), op.get("/a", { revision: FUTURE })] }),
    error: FutureRevision,
    says: /1000000/,
  },
  {
    what: "a watch from a future revision",
    call: async (c) => await c.watch("/a", { fromRevision: FUTURE }).next(),
    error: FutureRevision,
    says: /1000000/,
  },
  {
    what: "a watch with two starts",
    call: async (c) => await c.watch("/a", { fromRevision: 1, initial: true }).next(),
    error: InvalidArgument,
    says: /initial/,
  },
  {
    what: "a put on a lease that does not exist",
    call: (c) => c.put("/x", "x", { lease: NO_LEASE }),
    error: LeaseNotFound,
    says: /999999/,
  },
  {
    what: "a transaction with a put on a lease that does not exist",
    call: (c) => c.txn({ then: [op.put("/x", "x"), op.put("/y", "y", { lease: NO_LEASE })] }),
    error: LeaseNotFound,
    says: /999999/,
  },
  {
    what: "a negative lease",
    call: (c) => c.put("/x", "x", { lease: -1 }),
    error: InvalidArgument,
    says: /-1/,
  },
  {
    what: "a lease of no time",
    call: (c) => c.lease(0),
    error: InvalidArgument,
    says: /from 1 to 86400000, got the number 0/,
  },
  {
    what: "a lease of more than a day",
    call: (c) => c.lease(86_400_001),
    error: InvalidArgument,
    says: /from 1 to 86400000, got the number 86400001/,
  },
  {
    what: "a transaction of 129 operations",
    call: (c) => c.txn({ then: puts(129) }),
    error: TooLarge,
    says: /128 operations/,
  },
  {
    what: "129 operations with the nested ones counted",
    call: (c) => c.txn({ then: [op.txn({ then: puts(128) })] }),
    error: TooLarge,
    says: /128 operations/,
  },
  {
    what: "129 compares",
    call: (c) => c.txn({ compares: Array.from({ length: 129 }, (_, i) => compare.missing(`/c/${i}`)) }),
    error: TooLarge,
    says: /128 operations/,
  },
  {
    what: "a transaction that puts a key twice",
    call: (c) => c.txn({ then: [op.put("/twice", "1"), op.put("/twice", "2")] }),
    error: InvalidArgument,
    says: /\/twice twice/,
  },
  {
    what: "a transaction that puts a key below a subtree it deletes",
    call: (c) => c.txn({ then: [op.put("/twice/x", "1"), op.delete("/twice", { recursive: true })] }),
    error: InvalidArgument,
    says: /\/twice\/x twice/,
  },
  {
    what: "transactions nested too deep",
    call: (c) => c.txn({ then: [nested(16)] }),
    error: InvalidArgument,
    says: /16 levels/,
  },
  {
    what: "a fence whose token is no token",
    call: (c) => c.put("/x", "x", { fence: { key: "/locks/x", token: 0 } }),
    error: InvalidArgument,
    says: /fence\.token/,
  },
];

/** What a call throws at once, as those that build a condition or an operation do, or rejects with. */
async function failureOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (thrown) {
    return thrown;
  }
}

describe("a malformed or oversized request", () => {
  let cluster: LocalCluster;
  let plain: Quorate;
  let session: Quorate;

  beforeAll(async () => {
    cluster = await startQuietCluster();
    plain = await cluster.connect({ session: false });
    session = await cluster.connect();
    await plain.put("/a", "1");
  });

  afterAll(async () => {
    await session.close();
    await plain.close();
    await cluster[Symbol.asyncDispose]();
  });

  const cases = [...pathCases(), ...otherCases];

  it("is refused with a typed error and changes nothing", async () => {
    await changesNothing(cluster, async () => {
      for (const { what, call, error, says } of cases) {
        const failure = await failureOf(() => call(plain));
        expect.soft(failure, what).toBeInstanceOf(error);
        expect.soft(String(failure), what).toMatch(says);
      }
    });
  });

  it("is refused in the same way on a session, and leaves the session usable", async () => {
    const { revision } = await session.put("/a", "2");
    for (const { what, call, error, says } of cases) {
      const failure = await failureOf(() => call(session));
      expect.soft(failure, what).toBeInstanceOf(error);
      expect.soft(String(failure), what).toMatch(says);
    }
    expect((await session.put("/a", "3")).revision).toBe(revision + 1);
  });

  it("is accepted right up to the limits", async () => {
    const longest = `/${"a".repeat(1_023)}`;
    await session.put(longest, "x");
    expect((await session.get(longest))?.text()).toBe("x");
    const deepest = "/a".repeat(64);
    await session.put(deepest, "x");
    expect((await session.get(deepest))?.text()).toBe("x");
    await session.put("/big", new Uint8Array(1_048_576));
    expect((await session.get("/big"))?.value.length).toBe(1_048_576);
    expect((await session.txn({ then: puts(128) })).succeeded).toBe(true);
    expect((await session.txn({ then: [nested(15)] })).succeeded).toBe(true);
    await expectHealthy(cluster);
  });
});
