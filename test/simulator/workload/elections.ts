import { QuorateError } from "@quorate/sdk";
import { onAbort } from "./abort-signal.js";
import type { ClientContext } from "./client.js";
import { fencedPut } from "./locks.js";

const electionPath = "/e/a";

/** Candidates for one leadership, with fenced writes by whoever has it. */
export async function runElections(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs * 3));
    if (stopping()) return;
    const attempt = recorder.nextAttempt();
    recorder.tell({ kind: "lockWaiting", attempt, path: electionPath });
    try {
      const leadership = await quorate.campaign(electionPath, recorder.client, { timeoutMs: 3_000 });
      const { token } = leadership;
      recorder.tell({ kind: "lockGranted", attempt, path: electionPath, token });
      onAbort(leadership.signal, () => recorder.tell({ kind: "lockLost", attempt, path: electionPath }));
      await fencedPut(context, { key: electionPath, token });
      await sleep(random.exponential(500));
      await leadership.resign();
      recorder.tell({ kind: "lockReleased", attempt, path: electionPath });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      recorder.tell({ kind: "lockFailed", attempt, path: electionPath, code: error.code });
    }
  }
}
