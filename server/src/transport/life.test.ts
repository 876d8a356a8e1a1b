import { expect, it } from "vitest";
import { isHeeded, type Life, lifeText, lineageText, parseLife } from "./life.js";

const life = (number: number, ...nonces: string[]): Life => ({
  number,
  nonce: nonces[0] ?? "",
  before: nonces.slice(1),
});

it("is heeded when it is the known one or descends from it", () => {
  const known = life(4, "d", "c");
  expect(isHeeded(life(4, "d", "c"), known)).toBe(true);
  expect(isHeeded(life(5, "e", "d", "c"), known)).toBe(true);
  expect(isHeeded(life(7, "1", "f", "e", "d"), known)).toBe(true);
  // What it keeps does not reach back to the known one: the peer was away for long, or it kept nothing before.
  expect(isHeeded(life(7, "1", "f", "e"), known)).toBe(true);
});

it("is not heeded when it is older, or of a copy, however often that was started", () => {
  const known = life(4, "d", "c");
  expect(isHeeded(life(3, "c", "b"), known)).toBe(false);
  expect(isHeeded(life(4, "x", "c"), known)).toBe(false);
  expect(isHeeded(life(5, "y", "x", "c"), known)).toBe(false);
  expect(isHeeded(life(7, "1", "z", "y", "x", "c"), known)).toBe(false);
});

it("survives its way, and is no other text", () => {
  const sent = life(7, "1a", "2b", "3c");
  expect(parseLife(lineageText(sent))).toEqual(sent);
  expect(parseLife(lifeText(sent))).toEqual(life(7, "1a"));
  for (const text of ["", "7", "7-", "-1a", "x-1a", "7-1a.", "7-1a.xyz", "7-1a-2b"]) {
    expect(parseLife(text)).toBeUndefined();
  }
});
