import type { ClientContext } from "./client.js";

/** Reads and puts in one burst: more than the bounds that are drawn for a server let wait. */
const BURST_OPERATIONS = 12;

/** Bursts whose operations may be refused or late, and are tried again: what counts is that the session lives. */
export async function runBursts(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, sleep } = context;
  const path = `/b/${recorder.client}`;
  while (!stopping()) {
    const calls = Array.from({ length: BURST_OPERATIONS }, (_, n) =>
      n % 4 === 0 ? quorate.put(path, "burst") : quorate.get(path),
    );
    for (const settled of await Promise.allSettled(calls)) {
      if (settled.status === "rejected") recorder.failed("burst", settled.reason);
    }
    await sleep(random.exponential(thinkMs));
  }
}
