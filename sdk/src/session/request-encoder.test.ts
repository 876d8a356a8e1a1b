import { fromBinary } from "@bufbuild/protobuf";
import { type Operation, SessionRequestSchema } from "@quorate/proto";
import { expect, it } from "vitest";
import { encodeRequest } from "./request-encoder.js";

/** A put, of a value that may be of any type, as JavaScript has it. */
function put(sequence: bigint, value: Uint8Array): Operation {
  return {
    $typeName: "quorate.v1.Operation",
    sequence,
    operation: {
      case: "put",
      value: {
        $typeName: "quorate.v1.PutRequest",
        path: "/a",
        value,
        leaseId: 0n,
        sequential: false,
        returnPrevious: false,
      },
    },
  };
}

it("leaves out and tells what cannot be encoded, and sends the rest", () => {
  const notBytes: Uint8Array = JSON.parse("5");
  const operations = [put(1n, new Uint8Array(1)), put(2n, notBytes), put(3n, new Uint8Array(1))];
  const told: bigint[] = [];
  const bytes = encodeRequest(
    { $typeName: "quorate.v1.SessionRequest", lowestPending: 1n, operations, close: false },
    ({ sequence }) => told.push(sequence),
  );
  const sent = fromBinary(SessionRequestSchema, bytes);
  expect(told).toEqual([2n]);
  expect(sent.operations.map(({ sequence }) => sequence)).toEqual([1n, 3n]);
  expect(sent.lowestPending).toBe(1n);
});
