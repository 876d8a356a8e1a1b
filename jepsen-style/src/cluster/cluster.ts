import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, type NodeStatus, type Quorate } from "@quorate/sdk";
import type { Random } from "../random/seeded-random.js";
import { freePorts } from "./free-ports.js";
import { Network } from "./network.js";
import { ServerProcess } from "./server-process.js";

/** How long one node may take to answer a question about itself, in milliseconds: a healthy one needs a few. */
const STATUS_TIMEOUT_MS = 500;

/** Pause between two looks at a cluster that is not ready, in milliseconds. */
const READY_POLL_MS = 100;

/** What a cluster is started with. */
export interface ClusterOptions {
  /** How many nodes: 3 or 5. */
  readonly nodes: number;
  /** Directory for data and logs. */
  readonly directory: string;
  /** Where randomness for ports comes from. */
  readonly random: Random;
  /** A deliberate defect for the servers to have, by its name in QUORATE_UNSAFE_TEST. */
  readonly unsafeTest?: string;
}

/** A cluster of real server processes behind proxies. */
export class Cluster {
  /** Every connection, to be cut. */
  readonly network: Network;
  /** The nodes in name order. */
  readonly servers: readonly ServerProcess[];
  readonly #httpPorts: readonly number[];
  /** By name; past the proxies, since asking is no part of the experiment. */
  readonly #directEndpoints: ReadonlyMap<string, string>;
  readonly #observer: Quorate;

  private constructor(
    network: Network,
    servers: readonly ServerProcess[],
    httpPorts: readonly number[],
    directEndpoints: ReadonlyMap<string, string>,
    observer: Quorate,
  ) {
    this.network = network;
    this.servers = servers;
    this.#httpPorts = httpPorts;
    this.#directEndpoints = directEndpoints;
    this.#observer = observer;
  }

  /** Starts the servers; use `waitUntilReady` before the first request. */
  static async start({ nodes, directory, random, unsafeTest }: ClusterOptions): Promise<Cluster> {
    const names = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
    const ports = await freePorts(3 * nodes, random);
    const byName = (offset: number) =>
      new Map(names.map((name, index) => [name, ports[offset * nodes + index] ?? 0]));
    const clientPorts = byName(0);
    const peerPorts = byName(1);
    const httpPorts = byName(2);
    const network = await Network.open(peerPorts, clientPorts);
    mkdirSync(join(directory, "data"), { recursive: true });
    mkdirSync(join(directory, "logs"), { recursive: true });
    const mainPath = fileURLToPath(import.meta.resolve("@quorate/server/main"));

    const servers = names.map((name) => {
      const members = names.map((other) => {
        const address =
          other === name ? `127.0.0.1:${peerPorts.get(name)}` : network.peerAddress(name, other);
        return `${other}=${address}`;
      });
      return new ServerProcess({
        name,
        mainPath,
        flags: [
          ...["--name", name, "--data-dir", join(directory, "data", name)],
          ...["--initial-cluster", members.join(",")],
          ...["--client-listen", `127.0.0.1:${clientPorts.get(name)}`],
          ...["--client-advertise", network.clientAddress(name)],
          ...["--peer-listen", `127.0.0.1:${peerPorts.get(name)}`],
          ...["--http-listen", `127.0.0.1:${httpPorts.get(name)}`],
        ],
        env: unsafeTest === undefined ? {} : { QUORATE_UNSAFE_TEST: unsafeTest },
        logPath: join(directory, "logs", `${name}.log`),
      });
    });
    for (const server of servers) server.start();
    const directEndpoints = new Map(names.map((name) => [name, `127.0.0.1:${clientPorts.get(name)}`]));
    const observer = await connect([...directEndpoints.values()], { session: false });
    return new Cluster(network, servers, [...httpPorts.values()], directEndpoints, observer);
  }

  /** The nodes' names. */
  get names(): string[] {
    return this.servers.map(({ name }) => name);
  }

  /** Where clients dial the nodes, through the proxies, in name order. */
  get endpoints(): string[] {
    return this.names.map((name) => this.network.clientAddress(name));
  }

  /** The server of that name. */
  server(name: string): ServerProcess {
    const server = this.servers.find((candidate) => candidate.name === name);
    if (server === undefined) throw new Error(`no node ${name}`);
    return server;
  }

  /** Exits that nobody asked for, such as "n1 exited by itself with code 1". */
  get crashes(): string[] {
    return this.servers.flatMap(({ crashes }) => crashes);
  }

  /** Resolves to true once every node is ready, false when a server is gone or that takes longer than the timeout. */
  async waitUntilReady(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const ready = await Promise.all(this.#httpPorts.map(isReady));
      if (ready.every(Boolean)) return true;
      if (performance.now() > deadline || this.servers.some(({ alive }) => !alive)) return false;
      await sleep(READY_POLL_MS, undefined, { signal });
    }
  }

  /** What each node that answers says about itself. */
  async statuses(): Promise<NodeStatus[]> {
    const asked = this.servers
      .filter(({ active }) => active)
      .map(async ({ name }) => {
        const endpoint = this.#directEndpoints.get(name);
        return endpoint === undefined
          ? []
          : [await this.#observer.status(endpoint, { timeoutMs: STATUS_TIMEOUT_MS })];
      });
    return (await Promise.allSettled(asked)).flatMap((result) =>
      result.status === "fulfilled" ? result.value : [],
    );
  }

  /** The leader's name, of the highest term if several think they lead; undefined when nobody does. */
  async leader(): Promise<string | undefined> {
    const leaders = (await this.statuses()).filter(({ role }) => role === "leader");
    return leaders.sort((a, b) => b.term - a.term)[0]?.name;
  }

  /** Stops every server and closes every proxy. */
  async close(): Promise<void> {
    await this.#observer.close();
    await Promise.all(this.servers.map((server) => server.stop()));
    this.network.close();
  }
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`, {
      signal: AbortSignal.timeout(STATUS_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    // Not listening, or too slow: both mean not ready.
    return false;
  }
}
