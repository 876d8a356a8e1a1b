import { toBinary } from "@bufbuild/protobuf";
import { TxnResponseSchema } from "@quorate/proto";
import { describe, expect, it } from "vitest";
import { bounds } from "../config.js";
import type { TxnOperation } from "../state-machine/index.js";
import { del, put, range, TestMachine, txn } from "../state-machine/machine.test-support.js";
import { answerBytes } from "./answer-bytes.js";
import { AnswerRoom } from "./answer-room.js";
import { toDeleteResponse, toTxnResponse } from "./responses.js";

const MIB = 1_048_576;

function machineOf(count: number): TestMachine {
  const test = new TestMachine();
  for (let i = 0; i < count; i++) test.run({ ...put(`/d/${i}`), value: new Uint8Array(MIB) });
  return test;
}

function answerTo(test: TestMachine, ...then: TxnOperation[]): ReturnType<typeof toTxnResponse> {
  const asked = txn([], then);
  const result = test.run(asked);
  if (result.kind !== "txn") throw new Error(`not a transaction's result: ${result.kind}`);
  return toTxnResponse(asked, result, new AnswerRoom());
}

describe("an answer", () => {
  it("to a recursive delete has as many of the deleted as fit, and says how many there were", () => {
    const test = machineOf(9);
    const result = test.run(del("/d", { subtree: true, returnPrevious: true }));
    if (result.kind !== "delete") throw new Error(`not a delete's result: ${result.kind}`);
    const { deleted, previous } = toDeleteResponse(result, new AnswerRoom());
    expect(deleted).toBe(9n);
    expect(previous.map(({ path, value }) => [path, value.length])).toEqual([
      ["/d/0", MIB],
      ["/d/1", MIB],
      ["/d/2", MIB],
    ]);
  });

  it("to a transaction leaves values out once it is full, and says so", () => {
    const test = machineOf(8);
    const answer = answerTo(
      test,
      ...Array.from({ length: 6 }, (_, i) => range(`/d/${i}`)),
      { ...put("/d/6", "new"), returnPrevious: true },
      del("/d/7", { returnPrevious: true }),
      range("/d/", { end: "/d0", limit: 100 }),
    );
    const entries = answer.results.flatMap(({ result }) => {
      switch (result.case) {
        case "get":
          return [result.value.entry];
        case "put":
          return [result.value.previous];
        case "delete":
          return result.value.previous;
        case "list":
          expect(result.value.more).toBe(true);
          return result.value.nodes.map((node) => node.entry);
        default:
          throw new Error(`unexpected ${result.case}`);
      }
    });
    expect(entries.map((entry) => entry?.valueOmitted)).toEqual([
      ...[false, false, false],
      ...[true, true, true, true, true, true],
    ]);
    expect(entries.map((entry) => entry?.value.length)).toEqual([MIB, MIB, MIB, 0, 0, 0, 0, 0, 0]);
    expect(toBinary(TxnResponseSchema, answer).length).toBeLessThan(bounds.answerBytesMax + 65_536);
  });

  it("is weighed as about what it has on the wire", () => {
    const test = machineOf(3);
    const answer = answerTo(test, range("/d/0"), range("/d/", { end: "/d0", limit: 100 }));
    const wireBytes = toBinary(TxnResponseSchema, answer).length;
    const weighed = answerBytes({ case: "txn", value: answer });
    expect(weighed).toBeGreaterThanOrEqual(wireBytes);
    expect(weighed).toBeLessThan(wireBytes + 4_096);
  });
});
