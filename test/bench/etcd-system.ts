import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "../cluster/local-cluster.js";
import { type Run, toRun } from "./statistics.js";
import type { Operation, System } from "./system.js";

const run = promisify(execFile);
const VALUE_BYTES = 256;
const KEY = "/bench/etcd/key";
const WARM_UP_SECONDS = 1;

/** Client and peer ports of the three nodes. */
const PORTS = [
  [12_379, 12_380],
  [12_389, 12_390],
  [12_399, 12_400],
] as const;

/**
 * Three etcd nodes of the Debian package, driven by h2load, which is written in C and costs less than any etcd client.
 * It sends one and the same request over and over, so puts go to one key; that is no harder than fresh ones.
 */
export class EtcdSystem implements System {
  readonly description: string;
  private readonly dir: string;
  private readonly processes: ChildProcess[];
  private leaderPort = 0;

  private constructor(version: string, dir: string, processes: ChildProcess[]) {
    this.description = `${version}: 3 nodes, h2load to the leader's KV service, puts of one key, linearizable gets`;
    this.dir = dir;
    this.processes = processes;
  }

  static async start(): Promise<EtcdSystem> {
    const { stdout } = await run("etcd", ["--version"]).catch((cause: unknown) => {
      throw new Error("etcd is not installed: apt-get install etcd-server etcd-client nghttp2-client", {
        cause,
      });
    });
    const dir = mkdtempSync(join(tmpdir(), "quorate-bench-etcd-"));
    const cluster = PORTS.map(([, peer], i) => `n${i + 1}=http://127.0.0.1:${peer}`).join(",");
    const processes = PORTS.map(([client, peer], i) =>
      spawn(
        "etcd",
        [
          ...[
            "--name",
            `n${i + 1}`,
            "--data-dir",
            join(dir, `n${i + 1}`),
            "--logger",
            "zap",
            "--log-level",
            "error",
          ],
          ...["--listen-client-urls", `http://127.0.0.1:${client}`],
          ...["--advertise-client-urls", `http://127.0.0.1:${client}`],
          ...["--listen-peer-urls", `http://127.0.0.1:${peer}`],
          ...["--initial-advertise-peer-urls", `http://127.0.0.1:${peer}`],
          ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
        ],
        { stdio: "ignore" },
      ),
    );
    const version = stdout.split("\n")[0]?.replace("Version: ", "") ?? "etcd";
    const system = new EtcdSystem(version, dir, processes);
    process.on("exit", () => {
      for (const child of processes) child.kill("SIGKILL");
    });
    await eventually(async () => (await system.findLeader()) !== 0, "a leader of etcd");
    await system.etcdctl("put", KEY, "v".repeat(VALUE_BYTES));
    return system;
  }

  private async etcdctl(...args: string[]): Promise<string> {
    const endpoints = PORTS.map(([client]) => `127.0.0.1:${client}`).join(",");
    const env = { ...process.env, ETCDCTL_API: "3" };
    return (await run("etcdctl", ["--endpoints", endpoints, ...args], { env })).stdout;
  }

  private async statuses(): Promise<{ port: number; leads: boolean; revision: number }[]> {
    const statuses = JSON.parse(await this.etcdctl("endpoint", "status", "-w", "json")) as {
      Endpoint: string;
      Status: { leader: number; header: { member_id: number; revision?: number } };
    }[];
    return statuses.map(({ Endpoint, Status }) => ({
      port: Number(Endpoint.split(":").at(-1)),
      leads: Status.leader === Status.header.member_id,
      revision: Status.header.revision ?? 0,
    }));
  }

  private async findLeader(): Promise<number> {
    try {
      this.leaderPort = (await this.statuses()).find(({ leads }) => leads)?.port ?? 0;
    } catch {
      this.leaderPort = 0;
    }
    return this.leaderPort;
  }

  async measure(operation: Operation, inFlight: number, seconds: number): Promise<Run> {
    await this.findLeader();
    const before = await this.revision();
    const body = join(this.dir, `${operation}.bin`);
    writeFileSync(body, frame(operation === "put" ? putRequest() : rangeRequest()));
    const log = join(this.dir, "h2load.log");
    rmSync(log, { force: true });
    // At most fifty streams on a connection, as its documentation advises.
    const connections = Math.max(1, Math.ceil(inFlight / 50));
    const method = operation === "put" ? "Put" : "Range";
    await run(
      "h2load",
      [
        ...["-D", String(seconds), "--warm-up-time", String(WARM_UP_SECONDS)],
        ...["-c", String(connections), "-m", String(Math.ceil(inFlight / connections)), "-t", "1"],
        ...["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", body, `--log-file=${log}`],
        `http://127.0.0.1:${this.leaderPort}/etcdserverpb.KV/${method}`,
      ],
      { maxBuffer: 1 << 26 },
    );
    const latenciesMs: number[] = [];
    for (const line of readFileSync(log, "utf8").split("\n")) {
      const [, status, micros] = line.split("\t");
      if (status === "200") latenciesMs.push(Number(micros) / 1_000);
    }
    // h2load does not look at grpc-status: only what raised the revision was acknowledged.
    if (operation === "put" && (await this.revision()) - before < latenciesMs.length) {
      throw new Error("etcd refused some of the puts");
    }
    return toRun(latenciesMs, seconds);
  }

  private async revision(): Promise<number> {
    return Math.max(...(await this.statuses()).map(({ revision }) => revision));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.processes.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A gRPC message: not compressed, its length, its bytes. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function field(number: number, bytes: Buffer): Buffer {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function putRequest(): Buffer {
  return Buffer.concat([field(1, Buffer.from(KEY)), field(2, Buffer.alloc(VALUE_BYTES, "v"))]);
}

function rangeRequest(): Buffer {
  return field(1, Buffer.from(KEY));
}
