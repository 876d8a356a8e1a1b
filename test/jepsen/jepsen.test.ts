import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../cluster/local-cluster.js";

const JEPSEN = fileURLToPath(new URL("../../jepsen-style/dist/main.js", import.meta.url));

/** What a run writes to results.json, as far as it is looked at here. */
interface Results {
  readonly verdict: string;
}

/** One run of the command, with every kind of fault. */
class JepsenRun implements AsyncDisposable {
  readonly #out = mkdtempSync(join(tmpdir(), "quorate-jepsen-"));
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #hasClosed = false;
  #output = "";

  constructor(...args: string[]) {
    const options = [
      ...["--workload", "register", "--nodes", "3", "--nemesis", "kill,pause,partition"],
      ...["--time-limit", "25", "--rate", "200", "--seed", "11"],
    ];
    this.#child = spawn(process.execPath, [JEPSEN, "run", ...options, "--out", this.#out, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.#child.stdout?.on("data", collect);
    this.#child.stderr?.on("data", collect);
    this.#closed = once(this.#child, "close").then(() => {
      this.#hasClosed = true;
    });
  }

  /** Waits until its nodes have bound their ports and found a leader, or until it ended without. */
  async begun(): Promise<void> {
    await eventually(
      () => this.#hasClosed || /^3 nodes ready/m.test(this.#output),
      "the nodes of a run",
      50_000,
    );
  }

  /** Waits until it has ended, and tells how. */
  async end(): Promise<{ code: number | null; results: Results; output: string }> {
    await this.#closed;
    const results = JSON.parse(readFileSync(join(this.#out, "results.json"), "utf8")) as Results;
    return { code: this.#child.exitCode, results, output: this.#output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // As an operator would stop it: it takes its servers along.
    if (!this.#hasClosed) this.#child.kill("SIGTERM");
    await this.#closed;
    rmSync(this.#out, { recursive: true, force: true });
  }
}

/**
 * Both runs go on at the same time: each offers a fixed rate of operations for a fixed time, and mostly waits. The
 * second looks for free ports only after the first has bound its own.
 */
describe("quorate-jepsen", () => {
  const runs: JepsenRun[] = [];
  let honest: JepsenRun;
  let canary: JepsenRun;

  beforeAll(async () => {
    honest = new JepsenRun();
    runs.push(honest);
    await honest.begun();
    canary = new JepsenRun("--unsafe-test", "skip-read-index");
    runs.push(canary);
  });

  afterAll(async () => {
    await Promise.all(runs.map((run) => run[Symbol.asyncDispose]()));
  });

  test("finds nothing wrong with a cluster whose nodes are killed, paused and partitioned", async () => {
    const { code, results, output } = await honest.end();
    expect(results.verdict, output).toBe("ok");
    expect(code).toBe(0);
  }, 120_000);

  test("catches the canary: a server whose reads skip ReadIndex", async () => {
    const { code, results, output } = await canary.end();
    expect(results.verdict, output).toBe("illegal");
    expect(code).toBe(1);
  }, 120_000);
});
