import { QuorateError } from "@quorate/sdk";
import { contenderValue } from "../invariants/queue-entries.js";
import { onAbort } from "./abort-signal.js";
import type { ClientContext } from "./client.js";
import { lockPaths } from "./locks.js";

/** Milliseconds after which a client looks whether it should wait anew. */
const LOOK_MS = 200;

/**
 * Waits for locks for as long as it takes, one at a time. Nobody waits for them at the end of a run: who is still in a
 * queue by then must be there in the log.
 */
export async function runPatientWaits(context: ClientContext): Promise<void> {
  const { random, thinkMs, stopping, sleep } = context;
  let waiting = false;
  while (!stopping()) {
    await sleep(LOOK_MS + random.exponential(thinkMs));
    if (waiting || stopping()) continue;
    waiting = true;
    void waitPatiently(context).then(() => {
      waiting = false;
    });
  }
}

async function waitPatiently({ quorate, recorder, random, ending, sleep }: ClientContext): Promise<void> {
  const path = random.pick(lockPaths);
  const attempt = recorder.nextAttempt();
  recorder.tell({ kind: "lockWaiting", attempt, path });
  try {
    const lock = await quorate.lock(path, { value: contenderValue(attempt) });
    recorder.tell({ kind: "lockGranted", attempt, path, token: lock.token });
    onAbort(lock.signal, () => recorder.tell({ kind: "lockLost", attempt, path }));
    await sleep(random.exponential(300));
    if (ending()) return;
    await lock.release();
    recorder.tell({ kind: "lockReleased", attempt, path });
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    recorder.tell({ kind: "lockFailed", attempt, path, code: error.code });
  }
}
