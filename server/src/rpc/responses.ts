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
import { type AnswerRoom, ENTRY_OVERHEAD_BYTES } from "./answer-room.js";
import { bytesOf } from "./bounded-read.js";
import { RequestError } from "./errors.js";
import { pathOf } from "./path.js";

/**
 * Results as responses. Messages are written as literals: `create` would double the cost of the hot path. Whatever may
 * be large is cut to the room of one answer, as proto/quorate/v1/kv.proto says: a result may hold more than a message
 * can carry, and by then what was asked has been done.
 */

const noValue = new Uint8Array(0);

export function toEntry(entry: Entry): WireEntry {
  return toWireEntry(entry, entry.value, entry.valueOmitted === true);
}

/** The entry without its value when there is no room for it. */
function toEntryWithin(room: AnswerRoom, entry: Entry): WireEntry {
  if (room.take(entryBytes(entry))) return toEntry(entry);
  return toWireEntry(entry, noValue, entry.valueOmitted === true || entry.value.length > 0);
}

function toWireEntry(entry: Entry, value: Uint8Array, valueOmitted: boolean): WireEntry {
  return {
    $typeName: "quorate.v1.Entry",
    path: pathOf(entry.key),
    value,
    createRevision: BigInt(entry.createRevision),
    modRevision: BigInt(entry.modRevision),
    version: BigInt(entry.version),
    leaseId: BigInt(entry.lease),
    valueOmitted,
  };
}

/** Bytes of an entry in a message. */
function entryBytes(entry: Entry): number {
  return entry.key.length + entry.value.length + ENTRY_OVERHEAD_BYTES;
}

export function toPutResponse(result: PutResult, room: AnswerRoom): PutResponse {
  const response: PutResponse = {
    $typeName: "quorate.v1.PutResponse",
    revision: BigInt(result.revision),
    path: pathOf(result.key),
  };
  if (result.previous !== undefined) response.previous = toEntryWithin(room, result.previous);
  return response;
}

export function toDeleteResponse(result: DeleteResult, room: AnswerRoom): DeleteResponse {
  const previous: WireEntry[] = [];
  for (const entry of result.previous) {
    if (room.take(entryBytes(entry))) previous.push(toEntry(entry));
    else {
      if (previous.length === 0) previous.push(toEntryWithin(room, entry));
      break;
    }
  }
  return {
    $typeName: "quorate.v1.DeleteResponse",
    revision: BigInt(result.revision),
    deleted: BigInt(result.deleted),
    previous,
  };
}

export function toGetResponse(result: RangeResult, room: AnswerRoom): GetResponse {
  const response: GetResponse = { $typeName: "quorate.v1.GetResponse", revision: BigInt(result.revision) };
  const entry = result.entries[0]?.entry;
  if (entry !== undefined) response.entry = toEntryWithin(room, entry);
  return response;
}

export function toListResponse(result: RangeResult, room: AnswerRoom): ListResponse {
  const nodes: WireNode[] = [];
  for (const found of result.entries) {
    if (room.take(bytesOf(found))) nodes.push(toNode(found, found.entry && toEntry(found.entry)));
    else {
      // Without one there would be no path to go on after.
      if (nodes.length === 0) nodes.push(toNode(found, found.entry && toEntryWithin(room, found.entry)));
      break;
    }
  }
  return {
    $typeName: "quorate.v1.ListResponse",
    revision: BigInt(result.revision),
    more: result.more || nodes.length < result.entries.length,
    nodes,
  };
}

function toNode({ key, childCount }: RangeEntry, entry: WireEntry | undefined): WireNode {
  const node: WireNode = {
    $typeName: "quorate.v1.Node",
    path: pathOf(key),
    childCount: BigInt(childCount),
  };
  if (entry !== undefined) node.entry = entry;
  return node;
}

export function toGrantResponse(result: GrantResult): GrantResponse {
  return {
    $typeName: "quorate.v1.GrantResponse",
    leaseId: BigInt(result.lease),
    ttlMs: BigInt(result.ttlMs),
  };
}

/** `txn` is what was asked: it tells a get from a list, which are both ranges to the state machine. */
export function toTxnResponse(txn: Txn, result: TxnResult, room: AnswerRoom): TxnResponse {
  const branch = result.succeeded ? txn.then : txn.otherwise;
  return {
    $typeName: "quorate.v1.TxnResponse",
    succeeded: result.succeeded,
    revision: BigInt(result.revision),
    results: result.results.map((part, i) => toOperationResult(branch[i], part, room)),
  };
}

function toOperationResult(
  operation: TxnOperation | undefined,
  result: Result,
  room: AnswerRoom,
): TxnOperationResult {
  return { $typeName: "quorate.v1.TxnOperationResult", result: toCase(operation, result, room) };
}

function toCase(
  operation: TxnOperation | undefined,
  result: Result,
  room: AnswerRoom,
): TxnOperationResult["result"] {
  switch (result.kind) {
    case "put":
      return { case: "put", value: toPutResponse(result, room) };
    case "delete":
      return { case: "delete", value: toDeleteResponse(result, room) };
    case "range":
      return isGet(operation)
        ? { case: "get", value: toGetResponse(result, room) }
        : { case: "list", value: toListResponse(result, room) };
    case "txn":
      if (operation?.kind !== "txn") break;
      return { case: "txn", value: toTxnResponse(operation, result, room) };
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
