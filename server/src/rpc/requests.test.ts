import { create } from "@bufbuild/protobuf";
import {
  CompareSchema,
  FenceSchema,
  GetRequestSchema,
  GrantRequestSchema,
  ListRequestSchema,
  PutRequestSchema,
  TxnRequestSchema,
} from "@quorate/proto";
import { describe, expect, it } from "vitest";
import type { Txn } from "../state-machine/index.js";
import { put, TestMachine } from "../state-machine/machine.test-support.js";
import { toFence, toGet, toGrant, toList, toPut, toTxn } from "./requests.js";

type Target = "version" | "createRevision" | "modRevision" | "leaseId";

function compareWith(target: Target, value: bigint): unknown {
  const compare = create(CompareSchema, { path: "/a", target: { case: target, value } });
  return toTxn(create(TxnRequestSchema, { compares: [compare] }));
}

/** Everything of a request that is a number and becomes part of a command or a read. */
const numbers: Record<string, (value: bigint) => unknown> = {
  version: (value) => compareWith("version", value),
  createRevision: (value) => compareWith("createRevision", value),
  modRevision: (value) => compareWith("modRevision", value),
  leaseId: (value) => compareWith("leaseId", value),
  "lease of a put": (value) => toPut(create(PutRequestSchema, { path: "/a", leaseId: value })),
  "lease of a grant": (value) =>
    toGrant(create(GrantRequestSchema, { ttlMs: 5_000n, leaseId: value }), false),
  "ttl of a grant": (value) => toGrant(create(GrantRequestSchema, { ttlMs: value }), false),
  "fencing token": (value) => toFence(create(FenceSchema, { key: "/a", token: value })),
  "revision of a get": (value) => toGet(create(GetRequestSchema, { path: "/a", revision: value })),
  "revision of a list": (value) => toList(create(ListRequestSchema, { path: "/a", revision: value })),
  "limit of a list": (value) => toList(create(ListRequestSchema, { path: "/a", limit: value })),
};

describe.each(Object.entries(numbers))("the %s of a request", (_, translate) => {
  it.each([-1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])("is refused when it is %d", (value) => {
    expect(() => translate(value)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  it("is accepted when it is a number like any other", () => {
    expect(() => translate(2_000n)).not.toThrow();
  });
});

describe("a compare of a subtree", () => {
  const missing = (path: string): Txn => {
    const target = { case: "version", value: 0n } as const;
    const compare = create(CompareSchema, { path, recursive: true, target });
    return toTxn(create(TxnRequestSchema, { compares: [compare] }));
  };

  it.each(["/a-b", "/a.b", "/a b/c", "/a0", "/ab"])("of /a is none of %s", (sibling) => {
    const t = new TestMachine();
    t.run(put(sibling));
    expect(t.run(missing("/a"))).toMatchObject({ succeeded: true });
    expect(t.run(missing(sibling))).toMatchObject({ succeeded: false });
    expect(t.run(missing("/"))).toMatchObject({ succeeded: false });
  });

  it.each(["/a", "/a/b", "/a/b/c"])("of /a is one of %s", (key) => {
    const t = new TestMachine();
    expect(t.run(missing("/"))).toMatchObject({ succeeded: true });
    t.run(put(key));
    expect(t.run(missing("/a"))).toMatchObject({ succeeded: false });
  });
});

describe("a path", () => {
  it.each(["\0", "\u001f", "\u007f", "\u0080", "\u0085", "\u009f"])(
    "has no control character %j",
    (character) => {
      expect(() => toGet(create(GetRequestSchema, { path: `/a${character}b` }))).toThrow(
        "no control characters",
      );
    },
  );

  it.each([" ", "~", "\u00a0", "é", "\u{1f511}"])("may have %j", (character) => {
    expect(() => toGet(create(GetRequestSchema, { path: `/a${character}b` }))).not.toThrow();
  });
});
