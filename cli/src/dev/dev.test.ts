import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { NodeLine } from "../cluster-status.js";
import { memoryTerminal } from "../testing/memory-terminal.js";
import { ChangeLines, LiveTable } from "./display.js";
import { checkPortsFree } from "./free-ports.js";
import { planCluster } from "./node-plan.js";
import { lastWords, nodeEnvironment } from "./node-process.js";

const line = (role: NodeLine["role"], revision: number): NodeLine => ({
  name: "n1",
  endpoint: "h:1",
  role,
  term: 2,
  revision,
  appliedIndex: revision,
  history: "0123456789abcdef",
});

describe("a local cluster", () => {
  it("gives the k-th node ports ten apart and names every peer", () => {
    const plan = planCluster({ nodes: 5, port: 7400, dataDir: "/d" });
    expect(plan.nodes.map((node) => node.endpoint)).toEqual(
      [7400, 7410, 7420, 7430, 7440].map((p) => `127.0.0.1:${p}`),
    );
    const [, second] = plan.nodes;
    expect(second?.logPath).toBe("/d/n2.log");
    expect(second?.flags.join(" ")).toBe(
      "--name n2 --data-dir /d/n2 --initial-cluster n1=127.0.0.1:7401,n2=127.0.0.1:7411,n3=127.0.0.1:7421,n4=127.0.0.1:7431,n5=127.0.0.1:7441 --client-listen 127.0.0.1:7410 --peer-listen 127.0.0.1:7411 --http-listen 127.0.0.1:7412",
    );
  });

  it("names the port that is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const plan = planCluster({ nodes: 3, port: 1_024, dataDir: "/d" });
    const [first] = plan.nodes;
    if (first === undefined) throw new Error("no node");
    const taken = { ...first, ports: [{ purpose: "http", port: address.port } as const] };
    await expect(checkPortsFree({ ...plan, nodes: [taken] })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`port ${address.port} (n1, http) is in use`),
    });
    await new Promise((resolve) => server.close(resolve));
    await checkPortsFree({ ...plan, nodes: [taken] });
  });

  it("keeps what belongs to one node out of the environment of all", () => {
    const env = { PATH: "/bin", QUORATE_NAME: "x", QUORATE_ENDPOINTS: "x:1", QUORATE_LOG_LEVEL: "debug" };
    expect(nodeEnvironment(env)).toEqual({ PATH: "/bin", QUORATE_LOG_LEVEL: "debug" });
  });

  it("finds a node's last words in a log of JSON or of plain text", () => {
    const directory = mkdtempSync(join(tmpdir(), "quorate-log-"));
    const log = join(directory, "n1.log");
    try {
      expect(lastWords(log)).toBe("");
      writeFileSync(log, '{"msg":"first"}\n{"level":60,"msg":"disk full"}\n');
      expect(lastWords(log)).toBe("disk full");
      writeFileSync(log, "port in use\n");
      expect(lastWords(log)).toBe("port in use");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("the display of a local cluster", () => {
  it("prints a line when a role or term changes, not for every revision", () => {
    const terminal = memoryTerminal();
    const display = new ChangeLines(terminal);
    for (const state of [line("follower", 1), line("follower", 2), line("leader", 3)]) display.show([state]);
    expect(terminal.stdout()).toBe(
      "n1 h:1: follower, term 2, revision 1\nn1 h:1: leader, term 2, revision 3\n",
    );
  });

  it("draws a table over itself on a screen, and only when it changed", () => {
    const terminal = memoryTerminal();
    const display = new LiveTable(terminal, "footer");
    display.show([line("follower", 1)]);
    const once = terminal.stdout();
    display.show([line("follower", 1)]);
    expect(terminal.stdout()).toBe(once);
    display.show([line("leader", 2)]);
    expect(terminal.stdout().slice(once.length).startsWith("\u001b[5A\u001b[0J\n")).toBe(true);
  });
});
