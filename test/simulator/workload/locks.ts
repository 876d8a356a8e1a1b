import { type Ownership, QuorateError } from "@quorate/sdk";
import { onAbort } from "./abort-signal.js";
import type { ClientContext } from "./client.js";

const lockPaths = ["/l/a", "/l/b"] as const;

/** Locks held for a while, with fenced writes under them, some of which come late on purpose. */
export async function runLocks(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs * 2));
    if (stopping()) return;
    const path = random.pick(lockPaths);
    const attempt = recorder.nextAttempt();
    recorder.tell({ kind: "lockWaiting", attempt, path });
    try {
      const lock = await quorate.lock(path, { timeoutMs: random.pick([500, 3_000]) });
      recorder.tell({ kind: "lockGranted", attempt, path, token: lock.token });
      onAbort(lock.signal, () => recorder.tell({ kind: "lockLost", attempt, path }));
      const fence: Ownership = { key: path, token: lock.token };
      for (let writes = random.integer(0, 3); writes > 0; writes--) {
        await fencedPut(context, fence);
        await sleep(random.exponential(100));
      }
      await lock.release();
      recorder.tell({ kind: "lockReleased", attempt, path });
      // A write that comes after the release must be refused, whoever holds the lock by then.
      if (random.chance(0.2)) await fencedPut(context, fence);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      recorder.tell({ kind: "lockFailed", attempt, path, code: error.code });
    }
  }
}

/** A write that holds only while the lock or leadership does. */
export async function fencedPut({ quorate, recorder }: ClientContext, fence: Ownership): Promise<void> {
  const path = `/f${fence.key}`;
  const value = recorder.freshValue();
  await recorder.call({ f: "put", path, value, fence: { key: fence.key, token: fence.token } }, async () => {
    const { revision } = await quorate.put(path, value, { fence });
    return { f: "put", revision, previous: undefined };
  });
}
