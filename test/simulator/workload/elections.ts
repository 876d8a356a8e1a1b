import { type Leadership, QuorateError } from "@quorate/sdk";
import { contenderValue } from "../invariants/queue-entries.js";
import { currentWorld } from "../world/world.js";
import { onAbort } from "./abort-signal.js";
import type { ClientContext } from "./client.js";
import { fencedPut } from "./locks.js";

/** Where candidates campaign. */
export const electionPath = "/e/a";

/** Chance that a leader announces another value. */
const proclaimsChance = 0.5;

/** Candidates for one leadership, with fenced writes by whoever has it. */
export async function runElections(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs * 3));
    if (stopping()) return;
    const attempt = recorder.nextAttempt();
    recorder.tell({ kind: "lockWaiting", attempt, path: electionPath });
    try {
      const leadership = await quorate.campaign(electionPath, contenderValue(attempt), { timeoutMs: 3_000 });
      const { token } = leadership;
      recorder.tell({ kind: "lockGranted", attempt, path: electionPath, token });
      onAbort(leadership.signal, () => recorder.tell({ kind: "lockLost", attempt, path: electionPath }));
      await fencedPut(context, { key: electionPath, token });
      await sleep(random.exponential(500));
      if (random.chance(proclaimsChance)) {
        await proclaim(context, leadership, attempt);
      }
      await leadership.resign();
      recorder.tell({ kind: "lockReleased", attempt, path: electionPath });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      recorder.tell({ kind: "lockFailed", attempt, path: electionPath, code: error.code });
    }
  }
}

/** One that fails leaves the leadership as it is. */
async function proclaim({ recorder }: ClientContext, leadership: Leadership, attempt: number): Promise<void> {
  const { token } = leadership;
  const sentMs = currentWorld().nowMs;
  try {
    await leadership.proclaim(`${contenderValue(attempt)}, at work`);
    recorder.tell({ kind: "proclaimed", attempt, path: electionPath, token, sentMs });
  } catch (error) {
    recorder.failed("proclaim", error);
  }
}
