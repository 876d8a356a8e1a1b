import { setTimeout as sleep } from "node:timers/promises";
import { connect, QuorateError } from "@quorate/sdk";

// A candidate in a process of its own. Arguments: endpoints, key of the election, its name, path to write, session TTL
// in milliseconds. Once elected it writes until it is refused, without ever asking whether it still leads: that is what
// fences are for. What it does, it says in JSON lines.

const PAUSE_BETWEEN_WRITES_MS = 20;

const [endpoints = "", key = "", name = "", path = "", ttlMs = ""] = process.argv.slice(2);

function say(report: { kind: string; token: number; revision?: number; code?: string; signalled?: boolean }) {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const quorate = await connect(endpoints, { sessionTtlMs: Number(ttlMs), connectTimeoutMs: 15_000 });
/** Writes without a session, so that nothing but the fence can refuse them. */
const writer = await connect(endpoints, { session: false });
const leadership = await quorate.campaign(key, name);
const { token } = leadership;
say({ kind: "elected", token });
for (;;) {
  try {
    const { revision } = await writer.put(path, name, { fence: leadership });
    say({ kind: "wrote", token, revision });
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    say({ kind: "refused", token, code: error.code, signalled: leadership.signal.aborted });
    if (error.code === "FENCED") break;
  }
  await sleep(PAUSE_BETWEEN_WRITES_MS);
}
await writer.close();
await quorate.close();
