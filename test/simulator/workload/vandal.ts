import { sequentialKey } from "../../../server/src/state-machine/index.js";
import { isByHand } from "../invariants/queue-entries.js";
import type { ClientContext } from "./client.js";
import { electionPath } from "./elections.js";
import { lockPaths } from "./locks.js";

/** An entry of a queue. */
interface Found {
  readonly path: string;
  readonly createRevision: number;
}

/** What is done to an entry; `queue` is its lock's or election's path. */
type Act = (context: ClientContext, found: Found, queue: string) => Promise<void>;

const queues = [...lockPaths, electionPath] as const;

/** Chance that what somebody put into a queue by hand is taken out first: it holds up everybody. */
const tidiesChance = 0.7;

const acts: readonly Act[] = [
  remove,
  remove,
  // Off its contender's lease, or onto the vandal's own: it no longer ends when its contender does.
  (context, { path }) => write(context, path, false),
  (context, { path }) => write(context, path, true),
  async (context, found) => {
    await remove(context, found);
    await write(context, found.path, context.random.chance(0.5));
  },
  // Before all others, and right behind this one, where the next one waits for it.
  (context, _found, queue) => write(context, sequentialKey(queue, 0), true),
  (context, { path }) => write(context, `${path}/x`, true),
];

/**
 * Somebody who deletes, rewrites and recreates entries of locks and elections, whoever's they are: the owner's, a
 * waiter's, and what was put there by hand before.
 */
export async function runVandal(context: ClientContext, meanMs: number): Promise<void> {
  const { random, stopping, ending, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(meanMs));
    if (stopping()) break;
    await find(context, random.pick(queues), async (entries, queue) => {
      const byHand = entries.filter(({ path, createRevision }) => isByHand({ key: path, createRevision }));
      const tidied = byHand.length > 0 && random.chance(tidiesChance) ? random.pick(byHand) : undefined;
      if (tidied !== undefined) await remove(context, tidied);
      else if (entries.length > 0) await random.pick(acts)(context, random.pick(entries), queue);
    });
  }
  if (ending()) await removeWaiters(context);
}

/** At the end of a run owners hold on to what they have: only who watches its own entry hears that it is gone. */
async function removeWaiters(context: ClientContext): Promise<void> {
  const { random, sleep } = context;
  await sleep(random.between(200, 1_500));
  for (const queue of lockPaths) {
    await find(context, queue, async (entries) => {
      const last = entries.at(-1);
      if (entries.length > 1 && last !== undefined && random.chance(0.5)) await remove(context, last);
    });
  }
}

async function find(
  { quorate, recorder }: ClientContext,
  queue: string,
  act: (entries: readonly Found[], queue: string) => Promise<void>,
): Promise<void> {
  try {
    const { nodes } = await quorate.list(queue, { recursive: true });
    await act(
      nodes.flatMap(({ entry }) => entry ?? []),
      queue,
    );
  } catch (error) {
    recorder.failed("vandal", error);
  }
}

async function remove({ quorate, recorder }: ClientContext, { path }: Found): Promise<void> {
  await recorder.call({ f: "delete", path, fence: undefined }, async () => {
    const { revision, deleted } = await quorate.delete(path);
    return { f: "delete", revision, deleted };
  });
}

async function write({ quorate, recorder }: ClientContext, path: string, leased: boolean): Promise<void> {
  const value = recorder.freshValue();
  await recorder.call({ f: "put", path, value, fence: undefined }, async () => {
    const { revision } = await quorate.put(path, value, leased ? { lease: "session" } : {});
    return { f: "put", revision, previous: undefined };
  });
}
