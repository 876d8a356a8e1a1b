import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { areOwnPorts } from "../cluster/free-ports.js";
import { eventually } from "../cluster/local-cluster.js";
import { CliProcess, cli } from "./cli-run.js";

let dir: string;
let port: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "quorate-dev-"));
  port = await freeRange();
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function dev(): CliProcess {
  return new CliProcess(["dev", "--port", String(port), "--data-dir", dir]);
}

/** The ports that `dev --port base` uses. */
function portsOf(base: number): number[] {
  return [0, 10, 20].flatMap((node) => [0, 1, 2].map((purpose) => base + node + purpose));
}

function listen(on: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(on, "127.0.0.1", () => resolve(server));
  });
}

/** A port from which on all that `dev` needs are free. */
async function freeRange(): Promise<number> {
  for (;;) {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const address = probe.address();
    const base = typeof address === "object" && address !== null ? address.port : 0;
    probe.close();
    await once(probe, "close");
    if (base + 22 > 65_535 || !areOwnPorts(base, base + 22)) continue;
    const servers = await Promise.all(portsOf(base).map(listen));
    for (const server of servers) server?.close();
    await Promise.all(servers.map((server) => server && once(server, "close")));
    if (servers.every((server) => server !== undefined)) return base;
  }
}

/** Processes that were started with the test's folder. */
function processesLeft(): string[] {
  const all = execFileSync("ps", ["-A", "-o", "args"], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(dir));
}

it("starts three nodes, keeps their data over a restart, and leaves no process behind", async () => {
  const endpoints = [port, port + 10, port + 20].map((each) => `127.0.0.1:${each}`);
  {
    await using cluster = dev();
    await cluster.prints(/^ready: /m);
    expect(cluster.stdout).toContain(`ready: ${endpoints.join(",")} (`);
    expect(cluster.stdout).toContain(`export QUORATE_ENDPOINTS=${endpoints.join(",")}`);
    expect((await cli(["put", "/kept", "yes"], { endpoints })).code).toBe(0);
    const status = await cli(["status", "--output", "json"], { endpoints });
    const { nodes } = JSON.parse(status.stdout) as { nodes: { role: string }[] };
    expect(nodes.map(({ role }) => role).sort()).toEqual(["follower", "follower", "leader"]);
    cluster.signal("SIGINT");
    expect(await cluster.end()).toMatchObject({ code: 0, stderr: "" });
    expect(processesLeft()).toEqual([]);
  }
  await using again = dev();
  await again.prints(/^ready: /m);
  expect((await cli(["get", "/kept"], { endpoints })).stdout).toBe("yes\n");
  again.signal("SIGTERM");
  expect((await again.end()).code).toBe(0);
  expect(processesLeft()).toEqual([]);
});

it("takes its nodes along even when it is killed", async () => {
  await using cluster = dev();
  await cluster.prints(/^ready: /m);
  expect(processesLeft()).toHaveLength(4);
  cluster.signal("SIGKILL");
  await cluster.end();
  await eventually(() => processesLeft().length === 0, "the nodes to end");
});

it("says that a node has ended, and how to bring it back", async () => {
  await using cluster = dev();
  await cluster.prints(/^ready: /m);
  const node = processesLeft().find((line) => line.includes("--name n2"));
  const pids = execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" }).split("\n");
  const pid = Number.parseInt(pids.find((line) => node !== undefined && line.includes(node)) ?? "", 10);
  process.kill(pid, "SIGKILL");
  await cluster.prints(/n2 ended \(SIGKILL\)/);
  await cluster.prints(/quorate server --name n2 /);
  cluster.signal("SIGINT");
  expect((await cluster.end()).code).toBe(0);
});

it("names a port that is in use, exits 2, and has started nothing", async () => {
  const taken = port + 11;
  const squatter = await listen(taken);
  try {
    const { code, stderr } = await dev().end();
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^quorate: port ${taken} \\(n2, peers\\) is in use: [^\\n]*\\n$`));
    expect(processesLeft()).toEqual([]);
  } finally {
    squatter?.close();
  }
});
