import { type Ownership, op, QuorateError } from "@quorate/sdk";
import { contenderValue } from "../invariants/queue-entries.js";
import { onAbort } from "./abort-signal.js";
import type { ClientContext } from "./client.js";

/** The locks: few, so that clients meet. */
export const lockPaths = ["/l/a", "/l/b"] as const;

/** Chance that an owner keeps its lock until it is told that it lost it. */
const holdsOnChance = 0.05;
/** Chance that a client breaks the lock before it asks for it. */
const breaksChance = 0.2;

/** Locks held for a while, with fenced writes under them, some of which come late on purpose. */
export async function runLocks(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, ending, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs * 2));
    if (stopping()) return;
    const path = random.pick(lockPaths);
    if (random.chance(breaksChance)) await breakLock(context, path);
    const attempt = recorder.nextAttempt();
    recorder.tell({ kind: "lockWaiting", attempt, path });
    try {
      const value = contenderValue(attempt);
      const lock = await quorate.lock(path, { value, timeoutMs: random.pick([500, 3_000]) });
      recorder.tell({ kind: "lockGranted", attempt, path, token: lock.token });
      onAbort(lock.signal, () => recorder.tell({ kind: "lockLost", attempt, path }));
      const fence: Ownership = { key: path, token: lock.token };
      for (let writes = random.integer(0, 3); writes > 0; writes--) {
        await fencedWrite(context, fence);
        await sleep(random.exponential(100));
      }
      // Only an owner that does not let go by itself must be told of its loss.
      if (random.chance(holdsOnChance)) await sleepUntil(context, () => lock.signal.aborted);
      // At the end of the run it is held on to, for the last checks.
      if (ending()) return;
      await lock.release();
      recorder.tell({ kind: "lockReleased", attempt, path });
      // A write that comes after the release must be refused, whoever holds the lock by then.
      if (random.chance(0.2)) await fencedWrite(context, fence);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      recorder.tell({ kind: "lockFailed", attempt, path, code: error.code });
    }
  }
}

async function sleepUntil({ sleep, stopping }: ClientContext, over: () => boolean): Promise<void> {
  while (!over() && !stopping()) await sleep(100);
}

/** As an operator does to an owner that hangs: deletes its entry, of which the owner must be told. */
async function breakLock({ quorate, recorder }: ClientContext, lockPath: string): Promise<void> {
  try {
    const { nodes } = await quorate.list(lockPath, { limit: 1 });
    const path = nodes[0]?.path;
    if (path === undefined) return;
    await recorder.call({ f: "delete", path, fence: undefined }, async () => {
      const { revision, deleted } = await quorate.delete(path);
      return { f: "delete", revision, deleted };
    });
  } catch (error) {
    recorder.failed("list", error);
  }
}

/** A put, a delete or a transaction that holds only while the lock does. */
async function fencedWrite(context: ClientContext, fence: Ownership): Promise<void> {
  const drawn = context.random.next();
  if (drawn < 0.6) await fencedPut(context, fence);
  else if (drawn < 0.8) await fencedDelete(context, fence);
  else await fencedTxn(context, fence);
}

async function fencedDelete({ quorate, recorder }: ClientContext, { key, token }: Ownership): Promise<void> {
  const path = `/f${key}`;
  await recorder.call({ f: "delete", path, fence: { key, token } }, async () => {
    const { revision, deleted } = await quorate.delete(path, { fence: { key, token } });
    return { f: "delete", revision, deleted };
  });
}

async function fencedTxn({ quorate, recorder }: ClientContext, { key, token }: Ownership): Promise<void> {
  const path = `/f${key}`;
  const value = recorder.freshValue();
  const fence = { key, token };
  await recorder.call({ f: "txn", compares: [], reads: [], writes: [{ path, value }], fence }, async () => {
    const { succeeded, revision } = await quorate.txn({ then: [op.put(path, value)], fence });
    return { f: "txn", succeeded, revision, reads: [] };
  });
}

/** A put that holds only while the lock or leadership does. */
export async function fencedPut({ quorate, recorder }: ClientContext, fence: Ownership): Promise<void> {
  const path = `/f${fence.key}`;
  const value = recorder.freshValue();
  await recorder.call({ f: "put", path, value, fence: { key: fence.key, token: fence.token } }, async () => {
    const { revision } = await quorate.put(path, value, { fence });
    return { f: "put", revision, previous: undefined };
  });
}
