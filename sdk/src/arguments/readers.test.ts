import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { connect } from "../client/connect.js";
import { compare, op } from "../kv/txn.js";
import { clientCalls } from "./calls.js";

const { put, get, txn, lock, watch, leaseStatus } = clientCalls;

describe("an argument", () => {
  it.each([
    [
      "a number as a value",
      () => put("/a", 5),
      "put: value: expected a string or a Uint8Array, got the number 5",
    ],
    [
      "an object as a value",
      () => put("/a", { a: 1 }),
      "put: value: expected a string or a Uint8Array, got an object",
    ],
    ["what is awaited no more", () => put("/a", Promise.resolve("b")), "is an `await` missing?"],
    ["wider numbers", () => put("/a", new Uint16Array(1)), "got an object of class Uint16Array"],
    ["half of a pair in a value", () => put("/a", "\ud83d"), "put: value: expected well-formed text"],
    ["half of a pair in a path", () => get("/\udc00"), "get: path: expected well-formed text"],
    ["a path that is none", () => get(undefined), "get: path: expected a string, got nothing"],
    [
      "a slip",
      () => put("/a", "b", { timeoutMS: 5 }),
      "put: options.timeoutMS: there is no such option: did you mean `timeoutMs`?",
    ],
    ["a unit left out", () => put("/a", "b", { timeout: 5 }), "did you mean `timeoutMs`?"],
    ["neighbours swapped", () => get("/a", { revisoin: 5 }), "did you mean `revision`?"],
    ["what nobody can guess", () => get("/a", { colour: 5 }), "there are timeoutMs, signal, consistency"],
    [
      "an option of another call",
      () => get("/a", { recursive: true }),
      "get: options.recursive: there is no such option",
    ],
    [
      "no plain object",
      () => get("/a", new AbortController().signal),
      "expected a plain object of options, got an object of class AbortSignal",
    ],
    ["null for none", () => get("/a", null), "get: options: expected a plain object of options, got null"],
    [
      "text for a number",
      () => get("/a", { revision: "5" }),
      'expected a whole number from 0 to 2^53 - 1, got the string "5"',
    ],
    ["half a number", () => get("/a", { revision: 1.5 }), "got the number 1.5"],
    [
      "a number that is not safe",
      () => leaseStatus(2 ** 53),
      "leaseStatus: id: expected a whole number from 1",
    ],
    [
      "a word that is none",
      () => get("/a", { consistency: "strong" }),
      'expected "linearizable" or "serializable", got the string "strong"',
    ],
    ["text for a flag", () => put("/a", "b", { sequential: "no" }), "expected true or false"],
    [
      "no time",
      () => lock("/a", { timeoutMs: 0 }),
      "expected a number of milliseconds above 0, or Infinity for no bound",
    ],
    ["not a number", () => lock("/a", { timeoutMs: Number.NaN }), "got the number NaN"],
    ["no signal", () => lock("/a", { signal: new AbortController() }), "expected an AbortSignal"],
    [
      "half a fence",
      () => put("/a", "b", { fence: { key: "/l" } }),
      "put: options.fence.token: expected a whole number from 1",
    ],
    [
      "no kind of event",
      () => watch("/a", { events: ["put", "change"] }),
      "watch: options.events[1]: expected",
    ],
    [
      "text for a list",
      () => watch("/a", { knownPaths: "/a/b" }),
      "watch: options.knownPaths: expected an iterable of paths",
    ],
    ["no transaction", () => txn(undefined), "txn: spec: expected a transaction"],
    [
      "deep inside",
      () => txn({ then: [{ kind: "put", path: "/a", value: 5 }] }),
      "txn: spec.then[0].value: expected",
    ],
  ])("is refused, by name: %s", (_, make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(make).toThrow(message);
  });

  it("is refused that never ends: a transaction in itself, one of too many parts, paths without number", () => {
    const spec: { then: unknown[] } = { then: [] };
    spec.then.push({ kind: "txn", spec });
    expect(() => txn(spec)).toThrow("more than 32 deep");
    let wide = op.get("/a");
    expect(() => {
      for (let level = 0; level < 30; level += 1) wide = op.txn({ then: [wide, wide] });
    }).toThrow(expect.objectContaining({ code: "TOO_LARGE" }));
    function* endless(): Generator<string> {
      for (;;) yield "/a".repeat(1_000);
    }
    const options = { onCompacted: "relist", fromRevision: 1, knownPaths: endless() };
    expect(() => watch("/a", options)).toThrow(expect.objectContaining({ code: "TOO_LARGE" }));
  });

  it("is taken that makes sense, in all its forms", () => {
    const other: unknown = runInNewContext("({ value: new Uint8Array([1, 2]), options: { timeoutMs: 5 } })");
    const { value, options } = Object(other);
    expect(put("/a", value, options)).toEqual(["/a", new Uint8Array([1, 2]), { timeoutMs: 5 }]);
    expect(put("/a", Buffer.from("é"), undefined)).toEqual(["/a", new Uint8Array([0xc3, 0xa9]), {}]);
    const timed = { timeoutMs: Number.POSITIVE_INFINITY, signal: undefined };
    expect(put("/a", "😀", timed)).toEqual(["/a", "😀", { timeoutMs: Number.POSITIVE_INFINITY }]);
    class Held {
      get key(): string {
        return "/l";
      }
      get token(): number {
        return 7;
      }
    }
    expect(put("/a", "", { fence: new Held(), lease: { id: 3, ttlMs: 5 } })[2]).toEqual({
      fence: { key: "/l", token: 7 },
      lease: 3,
    });
    expect(watch("/a", { knownPaths: new Set(["/b"]) })[1]).toEqual({ knownPaths: ["/b"] });
    const spec = {
      compares: [compare.value("/a").equals("1")],
      then: [op.put("/a", "2", { lease: "session" })],
    };
    expect(txn(spec)).toEqual([spec]);
  });

  it.each([
    ["", "no endpoint given"],
    ["http://host:7400", "expected host:port"],
    [["a:1", 5], "connect: endpoints[1]: expected a string"],
    [{ host: "a" }, "connect: endpoints: expected"],
    ["a:70000", "expected host:port"],
  ])("to connect with is refused by name: %j", async (endpoints, message) => {
    const connecting: Promise<unknown> = Reflect.apply(connect, undefined, [endpoints, { session: false }]);
    await expect(connecting).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });
});
