import { connect, type Quorate } from "@quorate/sdk";
import type { ClientContext } from "./client.js";

/** Mean milliseconds between two puts of a client to a node: together they are several a heartbeat. */
const PUT_PAUSE_MS = 20;
/** Mean milliseconds between two reads at each node: so few that their rounds are no heartbeats. */
const READ_PAUSE_MS = 3_000;

/**
 * Puts alone, several a heartbeat towards every node, and a read now and then: what waits for a moment without proposals
 * waits for ever. Clients without a session stay with the node they are given, so followers propose, too.
 */
export async function runLoad(context: ClientContext): Promise<void> {
  const { endpoints, recorder } = context;
  const options = { session: false, requestTimeoutMs: 4_000, followLeader: false } as const;
  const clients = await Promise.all(endpoints.map((endpoint) => connect([endpoint], options)));
  const loops = clients.flatMap((quorate, node) => {
    const path = `/load/${recorder.client}-${node}`;
    return [putOften(context, quorate, path), readSeldom(context, quorate, path)];
  });
  await Promise.all(loops);
  await Promise.all(clients.map((quorate) => quorate.close()));
}

async function putOften(context: ClientContext, quorate: Quorate, path: string): Promise<void> {
  const { recorder, random, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(PUT_PAUSE_MS));
    if (stopping()) return;
    const value = recorder.freshValue();
    const answer = await recorder.call({ f: "put", path, value, fence: undefined }, async () => {
      const { revision } = await quorate.put(path, value);
      return { f: "put", revision, previous: undefined };
    });
    // A node that refuses at once, or that nobody can reach, is not asked a thousand times.
    if (answer === undefined) await sleep(random.between(100, 300));
  }
}

async function readSeldom(context: ClientContext, quorate: Quorate, path: string): Promise<void> {
  const { recorder, random, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(READ_PAUSE_MS));
    if (stopping()) return;
    await recorder.call({ f: "get", path, serializable: undefined, revision: 0 }, async () => {
      const entry = await quorate.get(path);
      return { f: "get", entry, revision: undefined };
    });
  }
}
