import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type NodeStatus, type Quorate } from "@quorate/sdk";
import { freePorts } from "./free-ports.js";
import { PeerProxy } from "./peer-proxy.js";

/** The server's executable, run as an operator would. */
const SERVER = fileURLToPath(import.meta.resolve("@quorate/server/main"));

/** Preloaded into a server that must not outlive the process that started it. */
export const FOLLOW_PARENT = new URL(
  /\/dist\//.test(import.meta.url)
    ? "../../../cli/dist/dev/follow-parent.js"
    : "../../cli/dist/dev/follow-parent.js",
  import.meta.url,
).href;

/** How a cluster for a test or a benchmark is run. */
export interface LocalClusterOptions {
  /** Nodes, 1 to 5. Default 3. */
  readonly nodes?: number;
  /** Flags beside those that every node gets. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Whether what each node dials to each other one goes through a proxy of its own. */
  readonly proxied?: boolean;
}

interface LocalNode {
  readonly name: string;
  readonly clientPort: number;
  peerPort: number;
  /** The peer port that it was made with, which the first members' flags name for ever. */
  readonly firstPeerPort: number;
  readonly httpPort: number;
  readonly dataDir: string;
  /** Whether it was not among the first members, and joins them. */
  readonly joins: boolean;
  process: ChildProcess | undefined;
  /** Why it ended though nobody ended it. */
  crash: string | undefined;
}

/**
 * Real server processes on free ports of this machine, in a temporary folder. Stopping it leaves neither behind; nor
 * does a test that dies.
 */
export class LocalCluster implements AsyncDisposable {
  readonly dir: string;
  private readonly nodes: LocalNode[];
  private readonly options: LocalClusterOptions;
  /** By dialer and dialed node: where the one dials the other, if not directly. */
  private readonly proxies = new Map<string, { readonly port: number; readonly proxy: PeerProxy }>();
  /** Processes that were told to end: the end of any other is a crash. */
  private readonly ended = new WeakSet<ChildProcess>();
  private readonly killAtExit = (): void => {
    for (const node of this.nodes) node.process?.kill("SIGKILL");
  };

  private constructor(dir: string, nodes: LocalNode[], options: LocalClusterOptions) {
    this.dir = dir;
    this.nodes = nodes;
    this.options = options;
    process.on("exit", this.killAtExit);
  }

  /** Starts a cluster and waits until it has a leader. */
  static async start(options: LocalClusterOptions = {}): Promise<LocalCluster> {
    const count = options.nodes ?? 3;
    const dir = mkdtempSync(join(tmpdir(), "quorate-test-"));
    const ports = await freePorts(count * 3);
    const nodes = Array.from({ length: count }, (_, i) =>
      localNode(dir, `n${i + 1}`, ports.slice(i * 3, i * 3 + 3), false),
    );
    const cluster = new LocalCluster(dir, nodes, options);
    try {
      if (options.proxied === true) await cluster.putProxies();
      for (let i = 0; i < count; i++) cluster.launch(i);
      await cluster.waitForLeader();
    } catch (error) {
      // Nobody got it, so nobody else disposes of it.
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  private async putProxies(): Promise<void> {
    const pairs = this.nodes.flatMap((from) =>
      this.nodes.flatMap((to) => (from === to ? [] : [{ from, to }])),
    );
    const ports = await freePorts(pairs.length);
    for (const [i, { from, to }] of pairs.entries()) {
      const port = ports[i] ?? 0;
      this.proxies.set(`${from.name} ${to.name}`, { port, proxy: new PeerProxy(port, to.peerPort) });
    }
  }

  /** What node `from` dials to node `to`, in a cluster whose links are proxied. */
  proxy(from: number, to: number): PeerProxy {
    const found = this.proxies.get(`${this.node(from).name} ${this.node(to).name}`);
    if (found === undefined) throw new Error("the links of this cluster are not proxied");
    return found.proxy;
  }

  /** Makes a node that is to join the cluster: not a member yet, and not started. Returns its index. */
  async newNode(): Promise<number> {
    const name = `n${this.nodes.length + 1}`;
    return this.nodes.push(localNode(this.dir, name, await freePorts(3), true)) - 1;
  }

  /** Gives node `index` another peer port from its next start on. Returns the address. */
  async movePeerPort(index: number): Promise<string> {
    const [port = 0] = await freePorts(1);
    this.node(index).peerPort = port;
    return this.peerAddress(index);
  }

  /** Where node `index` is dialled by its peers. */
  peerAddress(index: number): string {
    return `127.0.0.1:${this.node(index).peerPort}`;
  }

  get size(): number {
    return this.nodes.length;
  }

  get endpoints(): string[] {
    return this.nodes.map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  }

  node(index: number): LocalNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  isRunning(index: number): boolean {
    return this.node(index).process !== undefined;
  }

  /** The flags that node `index` is run with. */
  flags(index: number): string[] {
    const node = this.node(index);
    const first = this.nodes.filter(({ joins }) => !joins);
    return [
      ...["--name", node.name, "--data-dir", node.dataDir],
      ...(node.joins
        ? ["--join", first.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join(",")]
        : [
            "--initial-cluster",
            first
              .map(({ name, firstPeerPort }) => {
                const port = this.proxies.get(`${node.name} ${name}`)?.port ?? firstPeerPort;
                return `${name}=127.0.0.1:${port}`;
              })
              .join(","),
          ]),
      ...["--client-listen", `127.0.0.1:${node.clientPort}`],
      ...["--peer-listen", `127.0.0.1:${node.peerPort}`],
      ...["--http-listen", `127.0.0.1:${node.httpPort}`],
      ...(this.options.flags ?? []),
    ];
  }

  /** Starts node `index`, which must not run. Its log is appended to a file of its name. */
  launch(index: number): void {
    const node = this.node(index);
    if (node.process !== undefined) throw new Error(`${node.name} runs already`);
    mkdirSync(node.dataDir, { recursive: true });
    const child = spawn(process.execPath, ["--import", FOLLOW_PARENT, SERVER, ...this.flags(index)], {
      // Its stdin is a pipe from this process, which ends with it, however that goes: the node must not outlive it.
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, ...this.options.env },
    });
    child.stderr?.pipe(createWriteStream(join(this.dir, `${node.name}.log`), { flags: "a" }));
    node.process = child;
    child.on("exit", (code, signal) => {
      node.process = undefined;
      if (this.ended.has(child)) return;
      node.crash = `${node.name} ended by itself with ${code ?? signal}; the end of its log:\n${this.log(index).slice(-2_000)}`;
    });
  }

  /** Sends a signal to node `index`, if it runs. */
  signal(index: number, signal: NodeJS.Signals): void {
    this.node(index).process?.kill(signal);
  }

  /** Kills node `index` without warning and waits until it is gone. */
  async kill(index: number): Promise<void> {
    await this.end(index, "SIGKILL");
  }

  /** Kills the leader without warning and returns its index. */
  async killLeader(): Promise<number> {
    const leader = await this.waitForLeader();
    await this.kill(leader);
    return leader;
  }

  /** Asks node `index` to stop, waits until it has, and returns its exit code. */
  async shutDown(index: number): Promise<number | null> {
    return await this.end(index, "SIGTERM");
  }

  /** Waits until node `index` ends by itself, which it is expected to, and returns its exit code. */
  async waitForEnd(index: number): Promise<number | null> {
    const child = this.node(index).process;
    if (child === undefined) return null;
    this.ended.add(child);
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }

  private async end(index: number, signal: NodeJS.Signals): Promise<number | null> {
    const child = this.node(index).process;
    if (child === undefined) return null;
    const gone = once(child, "exit");
    this.ended.add(child);
    child.kill(signal);
    const [code] = (await gone) as [number | null];
    return code;
  }

  /** What node `index` says of itself; undefined when it does not answer. */
  async status(index: number): Promise<NodeStatus | undefined> {
    const endpoint = this.endpoints[index] ?? "";
    const client = await connect(endpoint, { session: false, requestTimeoutMs: 500 });
    try {
      return await client.status(endpoint);
    } catch {
      return undefined;
    } finally {
      await client.close();
    }
  }

  /** Index of the running node that leads in the highest term; -1 when none does. */
  async leader(): Promise<number> {
    const statuses = await Promise.all(
      this.nodes.map((node, i) => (node.process ? this.status(i) : undefined)),
    );
    let leader = -1;
    let leaderTerm = 0;
    for (const [i, status] of statuses.entries()) {
      if (status?.role !== "leader" || status.term <= leaderTerm) continue;
      leader = i;
      leaderTerm = status.term;
    }
    return leader;
  }

  /** Waits for a leader other than `not` and returns its index. */
  async waitForLeader(not = -1, timeoutMs = 20_000): Promise<number> {
    let leader = -1;
    await eventually(
      async () => {
        leader = await this.leader();
        return leader !== -1 && leader !== not;
      },
      "a leader",
      timeoutMs,
    );
    return leader;
  }

  /**
   * Waits until all running nodes stand at one applied index, with one state hash, which is returned. Throws when a
   * node has ended that nobody ended.
   */
  async waitForAgreement(timeoutMs = 20_000): Promise<string> {
    let hash = "";
    await eventually(
      async () => {
        const crash = this.nodes.find((node) => node.crash !== undefined)?.crash;
        if (crash !== undefined) throw new Error(crash);
        const running = this.nodes.flatMap((node, i) => (node.process ? [this.status(i)] : []));
        const statuses = await Promise.all(running);
        const [first] = statuses;
        if (first === undefined) return false;
        if (!statuses.every((status) => status?.appliedIndex === first.appliedIndex)) return false;
        if (!statuses.every((status) => status?.stateHash === first.stateHash)) {
          throw new Error(
            `state hashes differ at index ${first.appliedIndex}: ${statuses.map((s) => s?.stateHash)}`,
          );
        }
        hash = first.stateHash;
        return true;
      },
      "agreement of all nodes",
      timeoutMs,
    );
    return hash;
  }

  /** What node `index` has logged, over all its runs: JSON lines. */
  log(index: number): string {
    return readFileSync(join(this.dir, `${this.node(index).name}.log`), "utf8");
  }

  /** A client of node `index` alone, which does not follow the leader. */
  async connectTo(index: number, options?: Parameters<typeof connect>[1]): Promise<Quorate> {
    const endpoint = this.endpoints[index] ?? "";
    return await connect(endpoint, { connectTimeoutMs: 15_000, followLeader: false, ...options });
  }

  /** A client of all nodes. */
  async connect(options?: Parameters<typeof connect>[1]): Promise<Quorate> {
    return await connect(this.endpoints, { connectTimeoutMs: 15_000, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; i < this.size; i++) this.signal(i, "SIGCONT");
    await Promise.all(this.nodes.map((_, i) => this.kill(i)));
    for (const { proxy } of this.proxies.values()) proxy[Symbol.dispose]();
    process.off("exit", this.killAtExit);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function localNode(dir: string, name: string, ports: readonly number[], joins: boolean): LocalNode {
  const [clientPort = 0, peerPort = 0, httpPort = 0] = ports;
  const dataDir = join(dir, name);
  const numbers = { clientPort, peerPort, firstPeerPort: peerPort, httpPort };
  return { name, ...numbers, dataDir, joins, process: undefined, crash: undefined };
}

/** Waits until `holds`, asking again after short pauses. */
export async function eventually(
  holds: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(50);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
