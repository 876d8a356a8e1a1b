import {
  type Compare,
  Consistency,
  type DeleteRequest,
  type Fence,
  type GetRequest,
  type ListRequest,
  type PutRequest,
  Relation,
  type TxnOperation,
  type TxnRequest,
} from "@quorate/proto";
import { InvalidArgument } from "../errors/quorate-error.js";
import type { DeleteFields, LeaseChoice, ListOptions, Ownership, PutFields, ReadOptions } from "./options.js";
import type { Relation as RelationName, TxnBranches, TxnCompare, TxnOp } from "./txn.js";

// Messages are written as literals rather than with create(): several times cheaper, and as complete, since the
// compiler asks for every field.

const encoder = new TextEncoder();

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}

/** A whole number for an int64 field. Throws InvalidArgument when it is none, or negative. */
export function int64(name: string, value: number | undefined): bigint {
  if (value === undefined || value === 0) return 0n;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgument(`${name}: ${value} is not a whole number from 0`);
  }
  return BigInt(value);
}

/** A path as it goes onto the wire. Half of a surrogate pair would silently become another character there. */
export function wirePath(path: string): string {
  if (/\p{Surrogate}/u.test(path)) {
    throw new InvalidArgument(
      `a path is well-formed text; ${JSON.stringify(path)} has half of a surrogate pair`,
    );
  }
  return path;
}

function consistencyOf(choice: ReadOptions["consistency"]): Consistency {
  switch (choice) {
    case undefined:
    case "linearizable":
      return Consistency.LINEARIZABLE;
    case "serializable":
      return Consistency.SERIALIZABLE;
  }
}

/** A fence as the wire has it. */
export function fenceOf(fence: Ownership | undefined): Fence | undefined {
  if (fence === undefined) return undefined;
  return {
    $typeName: "quorate.v1.Fence",
    key: wirePath(fence.key),
    token: int64("fence.token", fence.token),
  };
}

function leaseOf(lease: LeaseChoice | undefined, sessionId: number): bigint {
  if (lease === undefined || lease === 0) return 0n;
  if (lease === "session") {
    if (sessionId === 0) throw new InvalidArgument('lease "session": this client has no session');
    return BigInt(sessionId);
  }
  return int64("lease", typeof lease === "number" ? lease : lease.id);
}

export function getRequest(path: string, options: ReadOptions): GetRequest {
  return {
    $typeName: "quorate.v1.GetRequest",
    path: wirePath(path),
    consistency: consistencyOf(options.consistency),
    minRevision: int64("minRevision", options.minRevision),
    revision: int64("revision", options.revision),
  };
}

export function listRequest(path: string, options: ListOptions): ListRequest {
  return {
    $typeName: "quorate.v1.ListRequest",
    path: wirePath(path),
    recursive: options.recursive ?? false,
    limit: int64("limit", options.limit),
    after: wirePath(options.after ?? ""),
    keysOnly: options.keysOnly ?? false,
    consistency: consistencyOf(options.consistency),
    minRevision: int64("minRevision", options.minRevision),
    revision: int64("revision", options.revision),
  };
}

export function putRequest(
  path: string,
  value: string | Uint8Array,
  fields: PutFields,
  fence: Ownership | undefined,
  sessionId: number,
): PutRequest {
  return {
    $typeName: "quorate.v1.PutRequest",
    path: wirePath(path),
    value: bytesOf(value),
    leaseId: leaseOf(fields.lease, sessionId),
    sequential: fields.sequential ?? false,
    returnPrevious: fields.returnPrevious ?? false,
    fence: fenceOf(fence),
  };
}

export function deleteRequest(
  path: string,
  fields: DeleteFields,
  fence: Ownership | undefined,
): DeleteRequest {
  return {
    $typeName: "quorate.v1.DeleteRequest",
    path: wirePath(path),
    recursive: fields.recursive ?? false,
    returnPrevious: fields.returnPrevious ?? false,
    fence: fenceOf(fence),
  };
}

export function txnRequest(spec: TxnBranches, fence: Ownership | undefined, sessionId: number): TxnRequest {
  return {
    $typeName: "quorate.v1.TxnRequest",
    compares: (spec.compares ?? []).map(compareOf),
    then: (spec.then ?? []).map((operation) => operationOf(operation, sessionId)),
    otherwise: (spec.otherwise ?? []).map((operation) => operationOf(operation, sessionId)),
    fence: fenceOf(fence),
  };
}

function relationOf(relation: RelationName): Relation {
  switch (relation) {
    case "equal":
      return Relation.EQUAL;
    case "not-equal":
      return Relation.NOT_EQUAL;
    case "less":
      return Relation.LESS;
    case "greater":
      return Relation.GREATER;
  }
}

function compareOf(condition: TxnCompare): Compare {
  return {
    $typeName: "quorate.v1.Compare",
    path: wirePath(condition.path),
    recursive: condition.recursive,
    relation: relationOf(condition.relation),
    target: targetOf(condition),
  };
}

function targetOf({ target }: TxnCompare): Compare["target"] {
  switch (target.attribute) {
    case "value":
      return { case: "value", value: bytesOf(target.bytes) };
    case "lease":
      return { case: "leaseId", value: int64("compare", target.number) };
    case "version":
    case "createRevision":
    case "modRevision":
      return { case: target.attribute, value: int64("compare", target.number) };
  }
}

function operationOf(operation: TxnOp, sessionId: number): TxnOperation {
  return { $typeName: "quorate.v1.TxnOperation", operation: operationCase(operation, sessionId) };
}

function operationCase(operation: TxnOp, sessionId: number): TxnOperation["operation"] {
  switch (operation.kind) {
    case "get":
      return { case: "get", value: getRequest(operation.path, { revision: operation.revision }) };
    case "list":
      return { case: "list", value: listRequest(operation.path, operation.options) };
    case "put":
      return {
        case: "put",
        value: putRequest(operation.path, operation.value, operation.options, undefined, sessionId),
      };
    case "delete":
      return { case: "delete", value: deleteRequest(operation.path, operation.options, undefined) };
    case "txn":
      return { case: "txn", value: txnRequest(operation.spec, undefined, sessionId) };
  }
}
