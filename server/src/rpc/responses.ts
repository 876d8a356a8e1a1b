import type {
  DeleteResponse,
  GetResponse,
  GrantResponse,
  ListResponse,
  OperationResult,
  PutResponse,
  TxnOperationResult,
  TxnResponse,
  Entry as WireEntry,
  Node as WireNode,
} from "@quorate/proto";
import { bounds } from "../config.js";
import type {
  DeleteResult,
  Entry,
  GrantResult,
  PutResult,
  RangeEntry,
  RangeResult,
  Result,
  Txn,
  TxnOperation,
  TxnResult,
} from "../state-machine/index.js";
import { RequestError } from "./errors.js";
import { pathOf } from "./path.js";

/** Results as responses. Messages are written as literals: `create` would double the cost of the hot path. */

export function toEntry(entry: Entry): WireEntry {
  return {
    $typeName: "quorate.v1.Entry",
    path: pathOf(entry.key),
    value: entry.value,
    createRevision: BigInt(entry.createRevision),
    modRevision: BigInt(entry.modRevision),
    version: BigInt(entry.version),
    leaseId: BigInt(entry.lease),
  };
}

export function toPutResponse(result: PutResult): PutResponse {
  const response: PutResponse = {
    $typeName: "quorate.v1.PutResponse",
    revision: BigInt(result.revision),
    path: pathOf(result.key),
  };
  if (result.previous !== undefined) response.previous = toEntry(result.previous);
  return response;
}

export function toDeleteResponse(result: DeleteResult): DeleteResponse {
  return {
    $typeName: "quorate.v1.DeleteResponse",
    revision: BigInt(result.revision),
    deleted: BigInt(result.deleted),
    previous: result.previous.map(toEntry),
  };
}

export function toGetResponse(result: RangeResult): GetResponse {
  const response: GetResponse = { $typeName: "quorate.v1.GetResponse", revision: BigInt(result.revision) };
  const entry = result.entries[0]?.entry;
  if (entry !== undefined) response.entry = toEntry(entry);
  return response;
}

export function toListResponse(result: RangeResult): ListResponse {
  const fitting = countWithin(result.entries, bounds.listBytesMax);
  return {
    $typeName: "quorate.v1.ListResponse",
    revision: BigInt(result.revision),
    more: result.more || fitting < result.entries.length,
    nodes: result.entries.slice(0, fitting).map(({ key, entry, childCount }) => {
      const node: WireNode = {
        $typeName: "quorate.v1.Node",
        path: pathOf(key),
        childCount: BigInt(childCount),
      };
      if (entry !== undefined) node.entry = toEntry(entry);
      return node;
    }),
  };
}

/** How many of the entries fit in `bytesMax`; at least one, so that a page always gets on. */
export function countWithin(entries: readonly RangeEntry[], bytesMax: number): number {
  let bytes = 0;
  for (const [i, { key, entry }] of entries.entries()) {
    bytes += 2 * key.length + (entry?.value.length ?? 0) + ENTRY_OVERHEAD_BYTES;
    if (bytes > bytesMax && i > 0) return i;
  }
  return entries.length;
}

/** What an entry has on the wire beside its key, which may be there twice, and its value. */
const ENTRY_OVERHEAD_BYTES = 64;

export function toGrantResponse(result: GrantResult): GrantResponse {
  return {
    $typeName: "quorate.v1.GrantResponse",
    leaseId: BigInt(result.lease),
    ttlMs: BigInt(result.ttlMs),
  };
}

/** `txn` is what was asked: it tells a get from a list, which are both ranges to the state machine. */
export function toTxnResponse(txn: Txn, result: TxnResult): TxnResponse {
  const branch = result.succeeded ? txn.then : txn.otherwise;
  return {
    $typeName: "quorate.v1.TxnResponse",
    succeeded: result.succeeded,
    revision: BigInt(result.revision),
    results: result.results.map((part, i) => toOperationResult(branch[i], part)),
  };
}

function toOperationResult(operation: TxnOperation | undefined, result: Result): TxnOperationResult {
  return { $typeName: "quorate.v1.TxnOperationResult", result: toCase(operation, result) };
}

function toCase(operation: TxnOperation | undefined, result: Result): TxnOperationResult["result"] {
  switch (result.kind) {
    case "put":
      return { case: "put", value: toPutResponse(result) };
    case "delete":
      return { case: "delete", value: toDeleteResponse(result) };
    case "range":
      return isGet(operation)
        ? { case: "get", value: toGetResponse(result) }
        : { case: "list", value: toListResponse(result) };
    case "txn":
      if (operation?.kind !== "txn") break;
      return { case: "txn", value: toTxnResponse(operation, result) };
    case "error":
    case "grant":
    case "done":
      break;
  }
  throw new RequestError("INTERNAL", `a transaction cannot return ${result.kind}`);
}

function isGet(operation: TxnOperation | undefined): boolean {
  return operation?.kind === "range" && operation.end === undefined;
}

/** What an operation of a session stream, or a unary call, is answered with. */
export type Answer = OperationResult["result"];
