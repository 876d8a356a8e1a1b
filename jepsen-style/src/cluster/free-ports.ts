import { once } from "node:events";
import { createServer } from "node:net";
import type { Random } from "../random/seeded-random.js";

/**
 * Ports to choose from: below Linux's ephemeral range (32,768 up), so that no outgoing connection takes the port of a
 * node while it is killed.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

/** Tries before giving up: far more than a machine's ports in use explain. */
const ATTEMPTS_MAX = 1_000;

/** Finds `count` different local ports that nothing listens on. */
export async function freePorts(count: number, random: Random): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt === ATTEMPTS_MAX)
      throw new Error(`no ${count} free ports between ${PORT_MIN} and ${PORT_MAX}`);
    const port = PORT_MIN + random.below(PORT_MAX - PORT_MIN);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
