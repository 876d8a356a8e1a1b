import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HeldCommand, type HeldOutcome, runHeldCommand as run } from "./held-command.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-held-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** As compiled: node runs it. */
const guardian = new URL("../../dist/ownership/guardian.js", import.meta.url);
const runHeldCommand = (held: HeldCommand): Promise<HeldOutcome> => run(held, guardian);

const owned = new AbortController().signal;
const shell = (script: string) => ["sh", "-c", script] as const;
const base = { env: {}, ownership: owned, killGraceMs: 5_000, onTerminal: false };

/** Resolves once `file` exists and is not empty. */
async function written(file: string): Promise<string> {
  for (;;) {
    try {
      const text = readFileSync(file, "utf8");
      if (text.endsWith("\n")) return text.trim();
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

describe("a command under an ownership", () => {
  it("gives its exit code, and has the token in its environment", async () => {
    const command = shell('[ "$QUORATE_FENCING_TOKEN" = 42 ] && exit 7');
    expect(await runHeldCommand({ ...base, command, env: { QUORATE_FENCING_TOKEN: "42" } })).toEqual({
      kind: "ended",
      exitCode: 7,
    });
  });

  it("gives 128 and the signal when a signal ended it", async () => {
    expect(await runHeldCommand({ ...base, command: shell("kill -9 $$") })).toEqual({
      kind: "ended",
      exitCode: 137,
    });
  });

  it("is reported when it cannot be started", async () => {
    await expect(runHeldCommand({ ...base, command: ["/nonexistent/command"] })).rejects.toMatchObject({
      exitCode: 127,
    });
  });

  it("never starts when the ownership is lost already", async () => {
    const file = join(directory, "started");
    const outcome = await runHeldCommand({
      ...base,
      ownership: AbortSignal.abort(),
      command: shell(`echo x > ${file}`),
    });
    expect(outcome).toEqual({ kind: "lost" });
    expect(() => readFileSync(file)).toThrow();
  });

  it("is stopped with everything it started when the ownership is lost", async () => {
    const file = join(directory, "pid");
    const ownership = new AbortController();
    const running = runHeldCommand({
      ...base,
      ownership: ownership.signal,
      command: shell(`sleep 1000 & echo $! > ${file}; wait`),
    });
    const pid = Number(await written(file));
    expect(runs(pid)).toBe(true);
    ownership.abort();
    expect(await running).toEqual({ kind: "lost" });
    while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it("is killed when it ignores being told to stop", async () => {
    const file = join(directory, "ready");
    const ownership = new AbortController();
    const running = runHeldCommand({
      ...base,
      killGraceMs: 50,
      ownership: ownership.signal,
      command: shell(`trap '' TERM; echo ready > ${file}; while :; do sleep 1; done`),
    });
    await written(file);
    ownership.abort();
    expect(await running).toEqual({ kind: "lost" });
  });
});
