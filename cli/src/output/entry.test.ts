import { describe, expect, it } from "vitest";
import { entry } from "../testing/entry.js";
import { entryJson, valueJson, valueLine } from "./entry.js";

describe("an entry in JSON", () => {
  it("has exactly the documented fields, with a text value as it is", () => {
    expect(entryJson(entry("/a", "grüße"))).toEqual({
      key: "/a",
      value: "grüße",
      createRevision: 2,
      modRevision: 3,
      version: 2,
      lease: 0,
    });
  });

  it("carries a value that is not UTF-8 as base64, and says so", () => {
    expect(valueJson(Uint8Array.of(0xff, 0x00))).toEqual({ value: "/wA=", encoding: "base64" });
  });

  it("keeps a byte order mark, so that the text is the whole value", () => {
    const json = valueJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41));
    expect(Buffer.from(json.value)).toEqual(Buffer.from([0xef, 0xbb, 0xbf, 0x41]));
  });
});

describe("a value on one line", () => {
  it("cannot steer the terminal or break the line", () => {
    expect(valueLine(Buffer.from("a\u001b[2J\nb\u007f\u0085"))).not.toMatch(/\p{Cc}/u);
    expect(valueLine(Buffer.from("a\nb"))).toBe("a\\nb");
  });

  it("shows the size of a binary value", () => {
    expect(valueLine(Uint8Array.of(0xff, 1, 2))).toBe("(3 bytes, binary)");
  });
});
