import { crc32 } from "node:zlib";
import { expect, it } from "vitest";
import { checksumOf } from "./checksum.js";

/** The sum as it is defined, in one piece. */
function reference(numbers: readonly number[], ...parts: readonly Uint8Array[]): number {
  const header = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, at) => {
    header.writeDoubleLE(number, 8 * at);
  });
  return crc32(Buffer.concat([header, ...parts]));
}

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff);

it("is the CRC-32 of the numbers and the parts one after the other, however long each is", () => {
  const lengths = [0, 1, 63, 8_175, 8_176, 8_177, 20_000];
  for (const first of lengths) {
    for (const second of lengths) {
      const parts = [bytes(first, 1), bytes(second, 2), bytes(3, 3)];
      expect(checksumOf([1, 2 ** 53 - 1], ...parts)).toBe(reference([1, 2 ** 53 - 1], ...parts));
    }
  }
  expect(checksumOf([-0.5])).toBe(reference([-0.5]));
});

it("tells apart what differs in a number, a byte or an order", () => {
  const sums = [
    checksumOf([1, 2], bytes(4, 1)),
    checksumOf([2, 1], bytes(4, 1)),
    checksumOf([1, 2], bytes(4, 2)),
    checksumOf([1], bytes(4, 1)),
  ];
  expect(new Set(sums).size).toBe(sums.length);
});
