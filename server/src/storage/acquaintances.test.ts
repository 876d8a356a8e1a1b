import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Acquaintances } from "./acquaintances.js";
import { UnusableDataDirectory } from "./errors.js";

let dir = "";
let file = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-peers-"));
  file = join(dir, "peers.json");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("keeps the first incarnation of a peer for ever, also over a restart", () => {
  const notes = new Acquaintances(file);
  expect(notes.incarnationOf(7)).toBeUndefined();
  expect(notes.note(7, "aa")).toBe("aa");
  expect(notes.note(7, "bb")).toBe("aa");
  expect(notes.note(8, "cc")).toBe("cc");
  const again = new Acquaintances(file);
  expect(again.note(7, "dd")).toBe("aa");
  expect(again.incarnationOf(8)).toBe("cc");
});

it("keeps the newest life of each member beside, over a restart, until nobody needs it", () => {
  const notes = new Acquaintances(file);
  notes.note(7, "aa");
  notes.noteLife(7, "3-ab", () => true);
  notes.noteLife(8, "1-cd", () => true);
  const again = new Acquaintances(file);
  expect([again.incarnationOf(7), again.lifeOf(7), again.lifeOf(8)]).toEqual(["aa", "3-ab", "1-cd"]);
  again.noteLife(7, "4-ef", (id) => id !== 8);
  // What another note writes leaves them as they are.
  again.note(9, "bb");
  const last = new Acquaintances(file);
  expect([last.lifeOf(7), last.lifeOf(8), last.incarnationOf(9)]).toEqual(["4-ef", undefined, "bb"]);
});

it("is on disk before the answer leaves", () => {
  new Acquaintances(file).note(7, "aa");
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ format: 1, peers: { 7: "aa" } });
});

it.each([
  "",
  "{",
  "[]",
  '{"format":1}',
  '{"format":2,"peers":{}}',
  '{"format":1,"peers":{"x":1}}',
  '{"format":1,"peers":{},"lives":{"7":1}}',
])("is not forgotten because it cannot be read: %s", (text) => {
  writeFileSync(file, text);
  expect(() => new Acquaintances(file)).toThrow(UnusableDataDirectory);
});
