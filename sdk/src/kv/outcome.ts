import type {
  DeleteResponse,
  GetResponse,
  ListResponse,
  PutResponse,
  TxnOperationResult,
  TxnResponse,
} from "@quorate/proto";
import { Internal } from "../errors/quorate-error.js";
import { Entry, entryOf } from "./entry.js";

/** What a get inside a transaction found. */
export interface GetOutcome {
  /** The store's revision at the read. */
  readonly revision: number;
  /** The entry; undefined when the key does not exist. */
  readonly entry: Entry | undefined;
}

/** A place in the hierarchy: a key, a directory, or both. */
export interface ListedNode {
  /** Absolute path. */
  readonly path: string;
  /** The entry at the path; undefined for a pure directory. */
  readonly entry: Entry | undefined;
  /** How many direct children it has; always 0 in a recursive list. */
  readonly childCount: number;
}

/** One page of a list. */
export interface Listing {
  /** The store's revision at the read. */
  readonly revision: number;
  /** The nodes, in path order. */
  readonly nodes: readonly ListedNode[];
  /** True when the limit, or the room of one answer (about 4 MiB), cut the page: continue with `after` set to the last node's path. */
  readonly more: boolean;
}

/** What a put did. */
export interface PutOutcome {
  /** The revision of the change. */
  readonly revision: number;
  /** The key written: of interest when it was sequential. */
  readonly path: string;
  /** The entry before, if asked for and present. */
  readonly previous: Entry | undefined;
}

/** What a delete did. */
export interface DeleteOutcome {
  /** The store's revision after the call; unchanged when nothing was deleted. */
  readonly revision: number;
  /** How many keys were deleted. */
  readonly deleted: number;
  /** The entries deleted, if asked for: in path order, about 4 MiB of them at most; `deleted` counts them all. */
  readonly previous: readonly Entry[];
}

/** Result of one operation of a transaction. */
export type TxnResult =
  | ({ readonly kind: "get" } & GetOutcome)
  | ({ readonly kind: "list" } & Listing)
  | ({ readonly kind: "put" } & PutOutcome)
  | ({ readonly kind: "delete" } & DeleteOutcome)
  | ({ readonly kind: "txn" } & TxnOutcome);

/** What a transaction did. */
export interface TxnOutcome {
  /** Whether every compare held, so that `then` was applied; otherwise `otherwise` was. */
  readonly succeeded: boolean;
  /** The store's revision after the transaction. */
  readonly revision: number;
  /** One result for each operation of the branch taken, in order. */
  readonly results: readonly TxnResult[];
}

export function getOutcome(response: GetResponse): GetOutcome {
  return { revision: Number(response.revision), entry: entryOf(response.entry) };
}

export function listing(response: ListResponse): Listing {
  return {
    revision: Number(response.revision),
    nodes: response.nodes.map((node) => ({
      path: node.path,
      entry: entryOf(node.entry),
      childCount: Number(node.childCount),
    })),
    more: response.more,
  };
}

export function putOutcome(response: PutResponse): PutOutcome {
  return {
    revision: Number(response.revision),
    path: response.path,
    previous: entryOf(response.previous),
  };
}

export function deleteOutcome(response: DeleteResponse): DeleteOutcome {
  return {
    revision: Number(response.revision),
    deleted: Number(response.deleted),
    previous: response.previous.map((entry) => new Entry(entry)),
  };
}

export function txnOutcome(response: TxnResponse): TxnOutcome {
  return {
    succeeded: response.succeeded,
    revision: Number(response.revision),
    results: response.results.map(txnResult),
  };
}

function txnResult({ result }: TxnOperationResult): TxnResult {
  switch (result.case) {
    case "get":
      return { kind: "get", ...getOutcome(result.value) };
    case "list":
      return { kind: "list", ...listing(result.value) };
    case "put":
      return { kind: "put", ...putOutcome(result.value) };
    case "delete":
      return { kind: "delete", ...deleteOutcome(result.value) };
    case "txn":
      return { kind: "txn", ...txnOutcome(result.value) };
    case undefined:
      throw new Internal("a transaction's result carries no case that this client knows");
  }
}
