import { describe, expect, it } from "vitest";
import { durationMsMax, parseDurationMs } from "./duration.js";
import { defaultEndpoints, parseEndpoints } from "./endpoints.js";
import { readGlobalOptions } from "./global-options.js";
import { wholeNumber } from "./whole-number.js";

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["5s", 5_000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["3", 3_000],
    ["24h", durationMsMax],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDurationMs("timeout", text)).toBe(ms);
  });

  it.each(["", "0", "-1s", "5 s", "1d", "25h", "0.1ms", "1e3", "Infinity"])('"%s" is refused', (text) => {
    expect(() => parseDurationMs("timeout", text)).toThrow(/--timeout/);
  });
});

describe("endpoints", () => {
  it("are read from lists, once each and in order", () => {
    expect(parseEndpoints(["b:2, a:1", "b:2,[::1]:3"])).toEqual(["b:2", "a:1", "[::1]:3"]);
  });

  it.each(["", ",", "host", "host:", "host:0", "host:65536", ":1"])('"%s" is refused', (text) => {
    expect(() => parseEndpoints([text])).toThrow(/--endpoints/);
  });

  it("come from the option, else the environment, else are those of a local cluster", () => {
    const base = { timeout: "5s", output: "text" } as const;
    const env = { QUORATE_ENDPOINTS: "env:1" };
    expect(readGlobalOptions({ ...base, endpoints: ["option:1"] }, env).endpoints).toEqual(["option:1"]);
    expect(readGlobalOptions(base, env).endpoints).toEqual(["env:1"]);
    expect(readGlobalOptions(base, { QUORATE_ENDPOINTS: "" }).endpoints).toEqual(defaultEndpoints);
  });
});

describe("whole numbers", () => {
  it("are read as they are written", () => {
    expect(wholeNumber("revision", "42", 1)).toBe(42);
    expect(wholeNumber("revision", undefined, 1)).toBeUndefined();
  });

  it.each(["", "0", "-1", "1.5", "1e3", "0x10", "9007199254740993", "abc"])('"%s" is refused', (text) => {
    expect(() => wholeNumber("revision", text, 1)).toThrow(/--revision/);
  });
});
