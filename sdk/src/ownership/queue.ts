import { bounds, type CallOptions } from "../client/options.js";
import type { Entry } from "../kv/entry.js";
import type { QueueClient } from "./queue-client.js";

/** A contender's entry: where it is, and its create revision, the fencing token. */
export interface QueueEntry {
  readonly key: string;
  readonly path: string;
  readonly token: number;
}

/** Where an entry stands in the queue for a key. */
export interface QueuePlace {
  /** Whether the entry is in the queue at all. */
  readonly present: boolean;
  /** Path of the entry right before it; undefined when it is the first, and so owns the key. */
  readonly predecessor: string | undefined;
  /** Revision at which the queue was read. */
  readonly revision: number;
}

/**
 * Finds an entry's place. All pages are read at the revision of the first. An entry that was deleted and put there again
 * by somebody has another create revision, and is not the one that is looked for: no fence accepts its token.
 */
export async function placeInQueue(
  client: QueueClient,
  { key, path, token }: QueueEntry,
  signal: AbortSignal,
): Promise<QueuePlace> {
  let predecessor: string | undefined;
  let after: string | undefined;
  let revision: number | undefined;
  for (;;) {
    const page = await client.list(key, {
      recursive: true,
      keysOnly: true,
      limit: bounds.listPageNodes,
      signal,
      ...(after === undefined ? {} : { after }),
      ...(revision === undefined ? {} : { revision }),
    });
    revision ??= page.revision;
    for (const node of page.nodes) {
      if (node.path === path) return { present: node.entry?.createRevision === token, predecessor, revision };
      predecessor = node.path;
    }
    // Names are fixed-width numbers: past the own name, there is nothing more to look for.
    after = page.nodes.at(-1)?.path;
    if (!page.more || after === undefined || after > path) return { present: false, predecessor, revision };
  }
}

/** The entry that owns the key now, linearizably; undefined when nobody does. */
export async function ownerOf(
  client: QueueClient,
  key: string,
  options: CallOptions,
): Promise<Entry | undefined> {
  const page = await client.list(key, { ...options, recursive: true, limit: 1 });
  return page.nodes[0]?.entry;
}
