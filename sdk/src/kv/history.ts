import { EventKind, grpcServiceDefinition, type HistoryResponse, KVService } from "@quorate/proto";
import { bounds, type CallOptions } from "../client/options.js";
import { Compacted, Internal } from "../errors/quorate-error.js";
import type { UnaryRunner } from "../session/unary-runner.js";
import { Entry } from "./entry.js";
import { int64, wirePath } from "./request.js";

const service = grpcServiceDefinition(KVService);

/** Options of `history`. */
export interface HistoryOptions extends CallOptions {
  /** Only changes from this revision on. Default the oldest that is kept. */
  readonly fromRevision?: number | undefined;
  /** Only changes up to this revision. Default the current one when the history is first asked for. */
  readonly toRevision?: number | undefined;
  /** The history that these revisions are of: throws HistoryChanged when the nodes are of another. */
  readonly history?: string | undefined;
}

/** One change of a key. */
export type Version =
  | { readonly kind: "put"; readonly revision: number; readonly entry: Entry }
  | { readonly kind: "delete"; readonly revision: number };

/** Reads the changes of a key, oldest first, a page at a time and each page when it is asked for. */
export async function* readHistory(
  unary: UnaryRunner,
  path: string,
  options: HistoryOptions,
): AsyncGenerator<Version, void, undefined> {
  let from = int64("fromRevision", options.fromRevision);
  let to = int64("toRevision", options.toRevision);
  for (;;) {
    const page = await readPage(unary, path, from, to, options);
    for (const event of page.events) yield versionOf(event);
    const last = page.events.at(-1)?.entry?.modRevision;
    if (!page.more || last === undefined) return;
    from = last + 1n;
    // What is written while the pages are read is not part of it.
    if (to === 0n) to = page.revision;
    if (from > to) return;
  }
}

async function readPage(
  unary: UnaryRunner,
  path: string,
  fromRevision: bigint,
  toRevision: bigint,
  options: HistoryOptions,
): Promise<HistoryResponse> {
  try {
    return await unary.call(
      {
        method: service.history,
        request: {
          $typeName: "quorate.v1.HistoryRequest",
          path: wirePath(path),
          fromRevision,
          toRevision,
          limit: BigInt(bounds.listPageNodes),
        },
        mutation: false,
      },
      options,
    );
  } catch (cause) {
    if (!(cause instanceof Compacted)) throw cause;
    throw new Compacted(
      `history ${path}: what was changed before revision ${cause.revision} is compacted: ${cause.message}`,
      cause.revision,
      { cause },
    );
  }
}

function versionOf({ kind, entry }: HistoryResponse["events"][number]): Version {
  if (entry === undefined) throw new Internal("a version of the server's answer has no entry");
  if (kind === EventKind.DELETE) return { kind: "delete", revision: Number(entry.modRevision) };
  return { kind: "put", revision: Number(entry.modRevision), entry: new Entry(entry) };
}
