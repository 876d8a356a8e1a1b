import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkFile } from "./check.js";

describe("the check command", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "quorate-check-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const file = (...events: object[]): string => {
    const path = join(directory, "history.jsonl");
    writeFileSync(path, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    return path;
  };
  const write = [
    { process: 0, type: "invoke", f: "write", key: "a", value: 1, time: 1 },
    { process: 0, type: "ok", f: "write", key: "a", value: 1, time: 2 },
  ];
  const read = (value: unknown) => [
    { process: 1, type: "invoke", f: "read", key: "a", value: null, time: 3 },
    { process: 1, type: "ok", f: "read", key: "a", value, time: 4 },
  ];

  test("exits 0 for a linearizable history", () => {
    expect(checkFile(file(...write, ...read(1)), "register", undefined, "human")).toEqual({
      exitCode: 0,
      line: "ok: linearizable (2 operations, 1 partition)",
    });
  });

  test("exits 1 for an illegal history, naming the key and the operation with its lines", () => {
    const { exitCode, line } = checkFile(file(...write, ...read(null)), "register", 10, "human");
    expect(exitCode).toBe(1);
    expect(line).toContain('illegal: key "a" is not linearizable');
    expect(line).toContain("no place after that for: read -> null (process 1, lines 3-4)");
  });

  test("prints one JSON object on demand", () => {
    const { line } = checkFile(file(...write, ...read(null)), "register", 10, "json");
    expect(JSON.parse(line)).toMatchObject({
      verdict: "illegal",
      illegal: { partition: 'key "a"', longestPrefix: 1, blocked: { invokeLine: 3, completionLine: 4 } },
    });
  });

  test("exits 2 when it runs out of time", () => {
    expect(checkFile(file(...write, ...read(1)), "register", 1e-9, "human")).toMatchObject({ exitCode: 2 });
  });

  test("exits 3 for a file that is malformed, missing or meant for another model", () => {
    expect(checkFile(file({ process: 0 }), "register", undefined, "human")).toMatchObject({ exitCode: 3 });
    expect(checkFile(join(directory, "none"), "register", undefined, "human")).toMatchObject({ exitCode: 3 });
    const { exitCode, line } = checkFile(file(...write), "append", undefined, "human");
    expect(exitCode).toBe(3);
    expect(line).toMatch(/history\.jsonl: line 1: expected/);
  });
});
