import { resolve } from "node:path";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";

/** A port that a node will listen on, and what for. */
export interface PlannedPort {
  readonly purpose: "clients" | "peers" | "http";
  readonly port: number;
}

/** One node of a local cluster. */
export interface NodePlan {
  /** n1, n2, … */
  readonly name: string;
  /** Where clients reach it. */
  readonly endpoint: string;
  readonly ports: readonly PlannedPort[];
  /** The server's command line. */
  readonly flags: readonly string[];
  /** Where its log goes. */
  readonly logPath: string;
}

/** What a local cluster looks like. */
export interface ClusterPlan {
  readonly dataDir: string;
  readonly nodes: readonly NodePlan[];
}

/** The address all nodes of a local cluster listen on: nobody else's business. */
export const localHost = "127.0.0.1";
/** From the ports of one node to those of the next. */
const portStride = 10;
const portMax = 65_535;

/**
 * Plans a local cluster: node k, from 0, listens on `port` + 10·k for clients, one above for peers, two above for HTTP.
 *
 * @throws CommandFailure (usage) when a port would be out of range.
 */
export function planCluster(request: { nodes: number; port: number; dataDir: string }): ClusterPlan {
  const highest = request.port + portStride * (request.nodes - 1) + 2;
  if (highest > portMax) {
    throw new CommandFailure(
      exitCode.usage,
      `--port ${request.port}: the last node would need port ${highest}`,
    );
  }
  const dataDir = resolve(request.dataDir);
  const indexes = Array.from({ length: request.nodes }, (_, k) => k);
  const name = (k: number): string => `n${k + 1}`;
  const base = (k: number): number => request.port + portStride * k;
  const initialCluster = indexes.map((k) => `${name(k)}=${localHost}:${base(k) + 1}`).join(",");
  const nodes = indexes.map((k): NodePlan => {
    const address = (offset: number): string => `${localHost}:${base(k) + offset}`;
    return {
      name: name(k),
      endpoint: address(0),
      ports: [
        { purpose: "clients", port: base(k) },
        { purpose: "peers", port: base(k) + 1 },
        { purpose: "http", port: base(k) + 2 },
      ],
      flags: [
        ["--name", name(k)],
        ["--data-dir", resolve(dataDir, name(k))],
        ["--initial-cluster", initialCluster],
        ["--client-listen", address(0)],
        ["--peer-listen", address(1)],
        ["--http-listen", address(2)],
      ].flat(),
      logPath: resolve(dataDir, `${name(k)}.log`),
    };
  });
  return { dataDir, nodes };
}
