import { bounds, type CallOptions } from "../client/options.js";
import { Compacted } from "../errors/quorate-error.js";
import type { Entry } from "../kv/entry.js";
import { ownerOf } from "../ownership/queue.js";
import type { QueueClient } from "../ownership/queue-client.js";

/** Who leads, and under which fencing token. */
export interface Leader {
  /** The value the leader campaigned with, or last proclaimed. */
  readonly name: string;
  readonly token: number;
}

/** Options of `observe`. */
export interface ObserveOptions {
  /** Ends the iteration with Cancelled when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** How long no node may serve the observation before it ends with an error, as for a watch. Default 30,000. */
  readonly unservedTimeoutMs?: number | undefined;
}

/** The leader now, linearizably. */
export async function leaderOf(
  client: QueueClient,
  key: string,
  options: CallOptions,
): Promise<Leader | undefined> {
  return leaderFrom(await ownerOf(client, key, options));
}

function leaderFrom(entry: Entry | undefined): Leader | undefined {
  return entry === undefined ? undefined : { name: entry.text(), token: entry.createRevision };
}

/** Every leader, and every value it proclaims, from the present one on; undefined while there is none. */
export async function* observeLeader(
  client: QueueClient,
  key: string,
  options: ObserveOptions,
): AsyncGenerator<Leader | undefined, void, undefined> {
  let last: Leader | undefined;
  let first = true;
  for (;;) {
    const { candidates, revision } = await readCandidates(client, key, options.signal);
    const leader = firstOf(candidates);
    if (first || changed(last, leader)) yield leader;
    first = false;
    last = leader;
    try {
      const watch = client.watch(key, {
        recursive: true,
        fromRevision: revision + 1,
        signal: options.signal,
        unservedTimeoutMs: options.unservedTimeoutMs,
      });
      for await (const event of watch) {
        if (event.path === key) continue;
        if (event.entry === undefined) candidates.delete(event.path);
        else candidates.set(event.path, event.entry);
        const next = firstOf(candidates);
        if (!changed(last, next)) continue;
        yield next;
        last = next;
      }
      return;
    } catch (error) {
      // Away for longer than history goes back: what happened in between is lost, who leads now is not.
      if (!(error instanceof Compacted)) throw error;
    }
  }
}

function changed(before: Leader | undefined, after: Leader | undefined): boolean {
  return before?.token !== after?.token || before?.name !== after?.name;
}

function firstOf(candidates: ReadonlyMap<string, Entry>): Leader | undefined {
  let first: Entry | undefined;
  for (const entry of candidates.values()) if (first === undefined || entry.path < first.path) first = entry;
  return leaderFrom(first);
}

async function readCandidates(
  client: QueueClient,
  key: string,
  signal: AbortSignal | undefined,
): Promise<{ candidates: Map<string, Entry>; revision: number }> {
  const candidates = new Map<string, Entry>();
  let after: string | undefined;
  let revision: number | undefined;
  for (;;) {
    const page = await client.list(key, {
      recursive: true,
      limit: bounds.listPageNodes,
      signal,
      ...(after === undefined ? {} : { after }),
      ...(revision === undefined ? {} : { revision }),
    });
    revision ??= page.revision;
    for (const { path, entry } of page.nodes) if (entry !== undefined) candidates.set(path, entry);
    after = page.nodes.at(-1)?.path;
    if (!page.more || after === undefined) return { candidates, revision };
  }
}
