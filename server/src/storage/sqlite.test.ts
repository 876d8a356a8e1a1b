import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "./sqlite.js";

describe("openDatabase", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quorate-sqlite-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps its files from other users", () => {
    const db = openDatabase(join(folder, "private.db"));
    db.exec("CREATE TABLE t (n INTEGER) STRICT");
    for (const suffix of ["", "-wal", "-shm"]) {
      expect(statSync(join(folder, `private.db${suffix}`)).mode & 0o077).toBe(0);
    }
    db.close();
  });

  it("makes durable what a process that was killed left in the write-ahead log", () => {
    const killed = openDatabase(join(folder, "killed.db"));
    killed.exec("CREATE TABLE t (n INTEGER) STRICT; INSERT INTO t VALUES (7)");
    // The files as the process leaves them when it is killed now.
    for (const suffix of ["", "-wal"]) {
      copyFileSync(join(folder, `killed.db${suffix}`), join(folder, `left.db${suffix}`));
    }
    killed.close();
    expect(statSync(join(folder, "left.db-wal")).size).toBeGreaterThan(0);
    const next = openDatabase(join(folder, "left.db"));
    expect(next.prepare("SELECT n FROM t").pluck().get()).toBe(7);
    expect(statSync(join(folder, "left.db-wal")).size).toBe(0);
    next.close();
  });
});
