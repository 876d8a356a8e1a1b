import { once } from "node:events";
import { createServer } from "node:net";

/** Ports lie in blocks of this many, each of which belongs to one of the processes that run test files. */
const BLOCK_PORTS = 64;
/** How many test files may run at the same time: at least as many as vitest.config.ts lets. */
const WORKERS_MAX = 4;

/**
 * Whether the ports from `first` to `last` may be used by this process. A port that was found free is nobody's until a
 * server binds it, and again while that server is down: test files that run at the same time must not be given the
 * same one, so each worker has blocks of its own.
 */
export function areOwnPorts(first: number, last = first): boolean {
  const worker = Number(process.env.VITEST_POOL_ID ?? 1);
  const block = Math.floor(first / BLOCK_PORTS);
  return block === Math.floor(last / BLOCK_PORTS) && block % WORKERS_MAX === worker % WORKERS_MAX;
}

/** Ports of this process that are free now, found by binding them all at once. */
export async function freePorts(count: number): Promise<number[]> {
  const bound = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    bound.push(server);
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    if (areOwnPorts(port)) ports.push(port);
  }
  await Promise.all(bound.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
