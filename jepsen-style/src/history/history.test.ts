import { describe, expect, test } from "vitest";
import { checkLinearizability } from "../checkers/linearizability.js";
import { appendModel } from "../models/append.js";
import { registerModel } from "../models/register.js";
import { decodeAppendCall } from "./append-history.js";
import { readHistory } from "./operations.js";
import { decodeRegisterCall } from "./register-history.js";

const lines = (...events: object[]) => events.map((event) => JSON.stringify(event)).join("\n");
const registerVerdict = (...events: object[]) =>
  checkLinearizability(registerModel, readHistory(lines(...events), decodeRegisterCall).operations).kind;
const readRegister = (...events: object[]) => readHistory(lines(...events), decodeRegisterCall);
const invokeWrite = { process: 0, type: "invoke", f: "write", value: 1, time: 10 };

describe("a register history", () => {
  test("keeps values of different JSON types apart", () => {
    const written = [invokeWrite, { process: 0, type: "ok", f: "write", value: 1, time: 20 }];
    const invoked = { process: 1, type: "invoke", f: "read", value: null, time: 30 };
    const ok = (value: unknown) => ({ process: 1, type: "ok", f: "read", value, time: 40 });
    expect(registerVerdict(...written, invoked, ok(1))).toBe("ok");
    expect(registerVerdict(...written, invoked, ok("1"))).toBe("illegal");
  });

  test("keeps keys of different JSON types apart, and starts every key at null", () => {
    const read = (key: unknown, value: unknown) => [
      { process: 1, type: "invoke", f: "read", key, time: 30 },
      { process: 1, type: "ok", f: "read", key, value, time: 30 },
    ];
    const written = [
      { ...invokeWrite, key: 1 },
      { process: 0, type: "ok", f: "write", key: 1, time: 20 },
    ];
    expect(registerVerdict(...written, ...read("1", null))).toBe("ok");
    expect(registerVerdict(...written, ...read(1, null))).toBe("illegal");
  });

  test("tells a compare-and-swap that compared false from one that swapped", () => {
    const cas = (result: object) => [
      { process: 0, type: "invoke", f: "cas", value: [null, 2] },
      { process: 0, type: "ok", f: "cas", value: [null, 2], ...result },
    ];
    expect(registerVerdict(...cas({}))).toBe("ok");
    expect(registerVerdict(...cas({ result: true }))).toBe("ok");
    expect(registerVerdict(...cas({ result: false }))).toBe("illegal");
  });

  test("leaves out what failed and keeps open what has no completion", () => {
    const read = [
      { process: 1, type: "invoke", f: "read" },
      { process: 1, type: "ok", f: "read", value: 1 },
    ];
    expect(registerVerdict(invokeWrite, { process: 0, type: "fail", f: "write" }, ...read)).toBe("illegal");
    expect(registerVerdict(invokeWrite, { process: 0, type: "info", f: "write" }, ...read)).toBe("ok");
    expect(registerVerdict(invokeWrite, ...read)).toBe("ok");
  });

  test("gives operations their lines as times, blank lines counted", () => {
    const text = `\n${JSON.stringify(invokeWrite)}\n\n{"process":0,"type":"ok","f":"write"}\n`;
    expect(readHistory(text, decodeRegisterCall).operations).toMatchObject([
      { invokedAt: 2, completedAt: 4 },
    ]);
  });
});

describe("a malformed history is refused with its line and what was expected", () => {
  const ok = { process: 0, type: "ok", f: "write", value: 1, time: 20 };
  test.each<[string, object[], RegExp]>([
    ["a type that does not exist", [{ ...invokeWrite, type: "done" }], /^line 1: expected "type" as one of/],
    ["no process", [{ type: "invoke", f: "read" }], /^line 1: expected "process"/],
    [
      "a function the model does not have",
      [{ ...invokeWrite, f: "append" }],
      /^line 1: .*read, write or cas/,
    ],
    ["two invocations of one process", [invokeWrite, invokeWrite], /^line 2: process 0 invokes write/],
    ["a completion without an invocation", [ok], /^line 1: ok of process 0, which has no operation open/],
    ["a completion after a completion", [invokeWrite, ok, ok], /^line 3: ok of process 0/],
    [
      "a completion of another function",
      [invokeWrite, { ...ok, f: "read" }],
      /^line 2: expected ok of write/,
    ],
    [
      "a completion of another key",
      [invokeWrite, { ...ok, key: "a" }],
      /^line 2: expected the key of line 1/,
    ],
    [
      "a completion of another value",
      [invokeWrite, { ...ok, value: 2 }],
      /^line 2: expected the value of line 1/,
    ],
    ["a time that falls", [invokeWrite, { ...ok, time: 9 }], /^line 2: expected "time" not below 10/],
    ["a cas without a pair", [{ ...invokeWrite, f: "cas" }], /^line 1: expected "value" as \[from, to\]/],
    [
      "an ok read without a value",
      [
        { process: 0, type: "invoke", f: "read" },
        { process: 0, type: "ok", f: "read" },
      ],
      /^line 2: expected the value read/,
    ],
  ])("%s", (_, events, message) => {
    expect(() => readRegister(...events)).toThrow(message);
  });

  test("a line that is not JSON, or not an object", () => {
    expect(() => readHistory("{}}", decodeRegisterCall)).toThrow(/^line 1: expected one JSON object/);
    expect(() => readHistory("[]", decodeRegisterCall)).toThrow(/^line 1: expected a JSON object/);
  });

  test("an append of something other than a string", () => {
    const event = JSON.stringify({ process: 0, type: "invoke", f: "append", value: 1 });
    expect(() => readHistory(event, decodeAppendCall)).toThrow(/^line 1: expected a string/);
  });
});

test("an append history starts with the empty string", () => {
  const { operations } = readHistory(
    lines(
      { process: 0, type: "invoke", f: "get" },
      { process: 0, type: "ok", f: "get", value: "" },
      { process: 0, type: "invoke", f: "append", value: "a" },
      { process: 0, type: "ok", f: "append" },
      { process: 0, type: "invoke", f: "get" },
      { process: 0, type: "ok", f: "get", value: "a" },
    ),
    decodeAppendCall,
  );
  expect(checkLinearizability(appendModel, operations).kind).toBe("ok");
});
