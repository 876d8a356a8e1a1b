import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogStore } from "./log-store.js";

describe("the log on disk", () => {
  let dir = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "quorate-log-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("reads back entries with and without data, also after it was opened again", () => {
    const file = join(dir, "log.db");
    const entries = [
      { index: 1, term: 1, kind: "noop" as const, data: new Uint8Array(0) },
      { index: 2, term: 1, kind: "commands" as const, data: Uint8Array.of(1, 2, 3) },
      { index: 3, term: 2, kind: "noop" as const, data: new Uint8Array(0) },
    ];
    const written = new LogStore(file);
    written.write({ term: 2, vote: 7 }, entries);
    written.close();

    const read = new LogStore(file);
    expect(read.hardState()).toEqual({ term: 2, vote: 7 });
    expect(
      read.entries(1, 3, 1_000_000).map(({ index, kind, data }) => ({ index, kind, data: [...data] })),
    ).toEqual(entries.map(({ index, kind, data }) => ({ index, kind, data: [...data] })));
    read.close();
  });
});
