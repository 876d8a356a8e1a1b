import { Compacted, QuorateError, type Watch, type WatchEvent, type WatchProgress } from "@quorate/sdk";
import type { ClientContext } from "./client.js";

const watched = [
  { path: "/r", recursive: true },
  { path: "/r/a", recursive: false },
  { path: "/s", recursive: true },
  { path: "/l", recursive: true },
] as const;

/** What is asked for of a watch; the rest is drawn for each. */
interface Start {
  readonly path: string;
  readonly recursive: boolean;
  readonly initial: boolean;
  readonly fromRevision: number | undefined;
  /** The paths that exist as of the revision before, for all that this client was delivered. */
  readonly held: ReadonlySet<string> | undefined;
}

/** How a watch that is followed is left. */
interface Following {
  /** Whether each event is taken as soon as the SDK has it. */
  readonly eager: boolean;
  /** The keys that exist as far as was delivered. */
  readonly held: Set<string>;
}

/** Watches of every kind, each for some time: over reconnects, restarts, compactions and slow consumption. */
export async function runWatches(context: ClientContext): Promise<void> {
  const { random, stopping, sleep } = context;
  let next: Start | undefined;
  while (!stopping()) {
    const start = next ?? (await someStart(context));
    next = await watchFor(context, start, random.exponential(random.pick([2_000, 6_000])));
    // One that is to go on is away for long enough that history may forget what it missed.
    await sleep(random.exponential(next === undefined ? 300 : AWAY_MS));
  }
}

/** Mean milliseconds between a watch and the one that goes on from its bookmark. */
const AWAY_MS = 2_000;

async function someStart(context: ClientContext): Promise<Start> {
  const { random } = context;
  const initial = random.chance(0.4);
  const fromRevision = !initial && random.chance(0.5) ? await someRevision(context) : undefined;
  // Before the first revision there was nothing.
  const held = fromRevision === 1 ? new Set<string>() : undefined;
  return { ...random.pick(watched), initial, fromRevision, held };
}

/** Watches for so long. Resolves with where another watch is to go on, if one is to. */
async function watchFor(context: ClientContext, start: Start, ms: number): Promise<Start | undefined> {
  const { quorate, recorder, random } = context;
  const { path, recursive, initial, fromRevision } = start;
  const previous = random.chance(0.5);
  const events = random.chance(0.2) ? [random.pick(["put", "delete"] as const)] : undefined;
  const relist = random.chance(fromRevision === undefined ? 0.2 : 0.5);
  const eager = random.chance(0.7);
  const knownPaths = relist && random.chance(0.7) && start.held !== undefined ? [...start.held] : undefined;
  const id = recorder.nextWatch();
  const over = new AbortController();
  recorder.tell({
    kind: "watchOpened",
    watch: id,
    ...{ path, recursive, initial, fromRevision, previous, events, relist, knownPaths, eager },
  });
  const options = {
    ...{ recursive, initial, previous, events, knownPaths, fromRevision, signal: over.signal },
    onCompacted: relist ? "relist" : "fail",
  } as const;
  const watch = random.chance(0.3)
    ? quorate.watch(path, { ...options, progress: true })
    : quorate.watch(path, options);
  const held = new Set(start.held);
  const ended = follow(watch, id, { eager, held }, context);
  const leave = random.chance(0.5) ? () => void watch.return() : () => over.abort();
  const timer = setTimeout(leave, ms);
  for (;;) {
    const state = await Promise.race([ended, context.sleep(LOOK_INTERVAL_MS).then(() => "open" as const)]);
    if (state === "ended") break;
    if (context.ending() && eager) {
      // Left open: at the end of the run it must have delivered everything.
      clearTimeout(timer);
      return undefined;
    }
    if (context.stopping()) leave();
  }
  clearTimeout(timer);
  const { revision } = watch;
  if (revision === undefined || random.chance(0.6)) return undefined;
  const isWhole = events === undefined && (initial || start.held !== undefined);
  return { path, recursive, initial: false, fromRevision: revision + 1, held: isWhole ? held : undefined };
}

/** Milliseconds between two looks whether the run ends. */
const LOOK_INTERVAL_MS = 500;

async function follow(
  watch: Watch<WatchEvent | WatchProgress>,
  id: number,
  { eager, held }: Following,
  { recorder, random, sleep }: ClientContext,
): Promise<"ended"> {
  const tellBookmark = (): void =>
    recorder.tell({ kind: "watchBookmark", watch: id, revision: watch.revision });
  let code: string | undefined;
  try {
    for await (const event of watch) {
      if (event.kind === "progress") {
        recorder.tell({ kind: "watchProgress", watch: id, revision: event.revision });
      } else {
        recorder.tell({ kind: "watchDelivered", watch: id, events: [event] });
        if (event.kind === "put") held.add(event.path);
        else held.delete(event.path);
      }
      if (random.chance(0.1)) tellBookmark();
      if (!eager) await sleep(random.exponential(30));
    }
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    code = error.code === "CANCELLED" ? undefined : error.code;
  }
  tellBookmark();
  recorder.tell({ kind: "watchEnded", watch: id, code });
  return "ended";
}

/** The first revision, one in the past, the next one, one to come, or the one to which history was compacted. */
async function someRevision(context: ClientContext): Promise<number | undefined> {
  const { quorate, random } = context;
  if (random.chance(0.15)) return 1;
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
