import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

const JEPSEN = fileURLToPath(new URL("../../jepsen-style/dist/main.js", import.meta.url));

/** What a run writes to results.json, as far as it is looked at here. */
interface Results {
  readonly verdict: string;
}

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function runJepsen(
  ...args: string[]
): Promise<{ code: number | null; results: Results; output: string }> {
  const out = mkdtempSync(join(tmpdir(), "quorate-jepsen-"));
  folders.push(out);
  const child = spawn(
    process.execPath,
    [JEPSEN, "run", "--workload", "register", "--nodes", "3", "--out", out, ...args],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, results: JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as Results, output };
}

describe("quorate-jepsen", () => {
  test("finds nothing wrong with a cluster whose nodes are killed, paused and partitioned", async () => {
    const { code, results, output } = await runJepsen(
      ...["--nemesis", "kill,pause,partition", "--time-limit", "25", "--rate", "200", "--seed", "11"],
    );
    expect(results.verdict, output).toBe("ok");
    expect(code).toBe(0);
  }, 120_000);

  test("catches the canary: a server whose reads skip ReadIndex", async () => {
    const { code, results, output } = await runJepsen(
      ...["--nemesis", "kill,pause,partition", "--time-limit", "25", "--rate", "200", "--seed", "11"],
      ...["--unsafe-test", "skip-read-index"],
    );
    expect(results.verdict, output).toBe("illegal");
    expect(code).toBe(1);
  }, 120_000);
});
