import type {
  DeleteResponse,
  ListResponse,
  PutResponse,
  TxnResponse,
  Entry as WireEntry,
} from "@quorate/proto";
import { ENTRY_OVERHEAD_BYTES } from "./answer-room.js";
import type { Answer } from "./responses.js";

/** What any answer or reply takes: its numbers, tags and lengths, in bytes. */
export const REPLY_OVERHEAD_BYTES = 64;

/** About how many bytes an answer has in a message. */
export function answerBytes(answer: Answer): number {
  switch (answer.case) {
    case "put":
      return putBytes(answer.value);
    case "get":
      return REPLY_OVERHEAD_BYTES + entryBytes(answer.value.entry);
    case "delete":
      return deleteBytes(answer.value);
    case "list":
      return listBytes(answer.value);
    case "txn":
      return txnBytes(answer.value);
    case "keepAlive":
      return REPLY_OVERHEAD_BYTES + 8 * answer.value.ttlsMs.length;
    case "timeToLive":
      return sum(answer.value.paths, (path) => path.length);
    case "error":
      return REPLY_OVERHEAD_BYTES + answer.value.message.length;
    case "grant":
    case "revoke":
    case undefined:
      return REPLY_OVERHEAD_BYTES;
  }
}

function putBytes({ path, previous }: PutResponse): number {
  return REPLY_OVERHEAD_BYTES + path.length + entryBytes(previous);
}

function deleteBytes({ previous }: DeleteResponse): number {
  return sum(previous, entryBytes);
}

function listBytes({ nodes }: ListResponse): number {
  return sum(nodes, ({ path, entry }) => path.length + ENTRY_OVERHEAD_BYTES + entryBytes(entry));
}

function txnBytes({ results }: TxnResponse): number {
  return sum(results, ({ result }) => answerBytes(result));
}

/** Bytes of an optional entry in a message. */
export function entryBytes(entry: WireEntry | undefined): number {
  return entry === undefined ? 0 : ENTRY_OVERHEAD_BYTES + entry.path.length + entry.value.length;
}

function sum<T>(items: readonly T[], measure: (item: T) => number): number {
  return items.reduce((total, item) => total + measure(item), REPLY_OVERHEAD_BYTES);
}
