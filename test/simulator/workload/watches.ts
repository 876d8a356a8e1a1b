import { Compacted, QuorateError, type Watch } from "@quorate/sdk";
import type { ClientContext } from "./client.js";

const watched = [
  { path: "/r", recursive: true },
  { path: "/r/a", recursive: false },
  { path: "/s", recursive: true },
  { path: "/l", recursive: true },
] as const;

/** Watches of every kind, each for some time: over reconnects, restarts, compactions and slow consumption. */
export async function runWatches(context: ClientContext): Promise<void> {
  const { random, stopping, sleep } = context;
  while (!stopping()) {
    await watchFor(context, random.exponential(6_000));
    await sleep(random.exponential(300));
  }
}

async function watchFor(context: ClientContext, ms: number): Promise<void> {
  const { quorate, recorder, random } = context;
  const { path, recursive } = random.pick(watched);
  const initial = random.chance(0.3);
  const previous = random.chance(0.5);
  const fromRevision = !initial && random.chance(0.5) ? await someRevision(context) : undefined;
  const eager = random.chance(0.7);
  const id = recorder.nextWatch();
  const over = new AbortController();
  recorder.tell({ kind: "watchOpened", watch: id, path, recursive, initial, fromRevision, previous, eager });
  const watch = quorate.watch(path, {
    recursive,
    initial,
    previous,
    signal: over.signal,
    ...(fromRevision === undefined ? {} : { fromRevision }),
  });
  const ended = follow(watch, id, eager, context);
  const timer = setTimeout(() => over.abort(), ms);
  for (;;) {
    const state = await Promise.race([ended, context.sleep(LOOK_INTERVAL_MS).then(() => "open" as const)]);
    if (state === "ended") break;
    if (context.ending() && eager) {
      // Left open: at the end of the run it must have delivered everything.
      clearTimeout(timer);
      return;
    }
    if (context.stopping()) over.abort();
  }
  clearTimeout(timer);
}

/** Milliseconds between two looks whether the run ends. */
const LOOK_INTERVAL_MS = 500;

async function follow(watch: Watch, id: number, eager: boolean, context: ClientContext): Promise<"ended"> {
  const { recorder, random, sleep } = context;
  try {
    for await (const event of watch) {
      recorder.tell({ kind: "watchDelivered", watch: id, events: [event] });
      if (!eager) await sleep(random.exponential(30));
    }
    recorder.tell({ kind: "watchEnded", watch: id, code: undefined });
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    recorder.tell({
      kind: "watchEnded",
      watch: id,
      code: error.code === "CANCELLED" ? undefined : error.code,
    });
  }
  return "ended";
}

/** A revision in the past, the next one, one to come, or the one to which history was compacted. */
async function someRevision(context: ClientContext): Promise<number | undefined> {
  const { quorate, random } = context;
  try {
    if (random.chance(0.3)) await quorate.get("/r/a", { revision: 1 });
    const { revision } = await quorate.list("/r", { keysOnly: true });
    return Math.max(1, revision + 1 - random.integer(-4, 20));
  } catch (error) {
    if (error instanceof Compacted) return Math.max(1, error.revision);
    context.recorder.failed("revision", error);
    return undefined;
  }
}
