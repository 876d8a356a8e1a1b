import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CommandBatchSchema } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import type { CommandBody } from "../state-machine/command.js";
import {
  compare,
  compareValue,
  del,
  put,
  range,
  subtreeOf,
  txn,
} from "../state-machine/machine.test-support.js";
import { decodeBatch, encodeBatch } from "./command-codec.js";
import { UnknownFormat } from "./command-codec-format.js";

function roundTrip(body: CommandBody): CommandBody | undefined {
  const command = { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body };
  return decodeBatch(encodeBatch({ origin: 1n, batchId: 1, commands: [command] })).commands[0]?.body;
}

describe("command codec", () => {
  it("keeps a batch as it is", () => {
    const batch = {
      origin: 0xfedc_ba98_7654_3210n,
      batchId: 2 ** 40,
      commands: [
        {
          sessionId: 2 ** 52,
          sequence: 2 ** 50,
          lowestPending: 7,
          fence: { key: "/lock/\xc3\xa4", token: 2 ** 51 },
          body: put("/a", "v"),
        },
        { sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body: put("", "") },
      ],
    };
    expect(decodeBatch(encodeBatch(batch))).toEqual(batch);
  });

  const relations = ["equal", "notEqual", "less", "greater"] as const;
  const numbers = ["version", "createRevision", "modRevision", "lease"] as const;
  const bodies: CommandBody[] = [
    put("/k\0\xff", "\0\xff", { lease: 2 ** 52, sequential: true, returnPrevious: true }),
    put("/k", "", { ignoreValue: true, ignoreLease: true }),
    del("/k", { subtree: true, returnPrevious: true }),
    del("/k", { end: "/l" }),
    del("/k", { end: "" }),
    txn(
      [
        ...relations.map((relation) => compareValue("/a", relation, "\xfe", "")),
        ...numbers.map((kind) => compare("/a", kind, "less", 2 ** 52, "/b")),
        subtreeOf(compare("/a", "version", "equal", 0)),
      ],
      [
        range("/a", { end: "/b", limit: 5, revision: 9, keysOnly: true, countOnly: true }),
        range("/d/last\0", { end: "/d0", childrenOf: "/d/" }),
        range("/", { end: "0", childrenOf: "/" }),
        txn([], [put("/x")], [del("/y")]),
      ],
      [put("/z", "1")],
    ),
    { kind: "grant", ttlMs: 10_000, lease: 5, session: true },
    { kind: "revoke", lease: 2 ** 52 },
    { kind: "expire", term: 12, leases: [1, 2 ** 52], asOfIndex: 1_000 },
    {
      ...{ kind: "checkpoint", term: 12, asOfIndex: 1_000 },
      leases: [
        { id: 1, remainingMs: 0 },
        { id: 2 ** 52, remainingMs: 86_400_000 },
      ],
    },
    { kind: "compact", revision: 2 ** 52 },
    { kind: "quota", key: "/caf\xc3\xa9", keysMax: 2 ** 52, bytesMax: 7 },
    { kind: "limits", spaceBytesMax: 2 ** 52, sessionResultBytesMax: 5 },
    { kind: "historyId", id: "0123456789abcdef" },
    {
      kind: "member",
      memberId: 2 ** 52,
      name: "n1",
      peerAddress: "h:1",
      clientEndpoint: "é:2",
      format: 1,
      incarnation: "0f",
    },
  ];

  it.each(bodies.map((body) => [body.kind, body] as const))("keeps a %s as it is", (_, body) => {
    expect(roundTrip(body)).toEqual(body);
  });

  it("writes the oldest format that has every command, so that older nodes read what they can", () => {
    const formatOf = (...bodies: CommandBody[]) => {
      const commands = bodies.map((body) => ({
        ...{ sessionId: 0, sequence: 0, lowestPending: 0, fence: undefined, body },
      }));
      return fromBinary(CommandBatchSchema, encodeBatch({ origin: 1n, batchId: 1, commands })).format;
    };
    expect(formatOf(put("/a"), del("/b"))).toBe(1);
    expect(formatOf(put("/a"), { kind: "quota", key: "/a", keysMax: 1, bytesMax: 0 })).toBe(2);
    expect(formatOf(put("/a"), { kind: "historyId", id: "aa" })).toBe(4);
  });

  it("copies values, so that a kept one does not pin the entry it came in", () => {
    const command = {
      sessionId: 0,
      sequence: 0,
      lowestPending: 0,
      fence: undefined,
      body: put("/a", "value"),
    };
    const bytes = Buffer.from(encodeBatch({ origin: 1n, batchId: 1, commands: [command] }));
    const body = decodeBatch(bytes).commands[0]?.body;
    bytes.fill(0);
    expect(body).toEqual(put("/a", "value"));
    expect(body?.kind === "put" ? body.value.buffer.byteLength : 0).toBe(5);
  });

  it("refuses a range end that would read back as no end", () => {
    expect(() => roundTrip(del("", { end: "\0" }))).toThrow(RangeError);
  });

  it("refuses a format it does not know", () => {
    const newer = toBinary(CommandBatchSchema, create(CommandBatchSchema, { format: 5 }));
    expect(() => decodeBatch(newer)).toThrow(UnknownFormat);
    expect(() => decodeBatch(newer)).toThrow("command format 5");
    expect(() => decodeBatch(new Uint8Array(0))).toThrow(UnknownFormat);
    const present = toBinary(CommandBatchSchema, create(CommandBatchSchema, { format: 2 }));
    expect(decodeBatch(present).commands).toEqual([]);
    expect(() => decodeBatch(present, 1)).toThrow("command format 2, but this node knows command format 1");
  });

  it("refuses a command of a kind it does not know", () => {
    const batch = create(CommandBatchSchema, { format: 1, commands: [{ sessionId: 1n }] });
    expect(() => decodeBatch(toBinary(CommandBatchSchema, batch))).toThrow(UnknownFormat);
  });
});
