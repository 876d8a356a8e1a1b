import {
  type Compare as CompareRequest,
  type DeleteRequest,
  type Fence as FenceRequest,
  type GetRequest,
  type GrantRequest,
  type ListRequest,
  type PutRequest,
  type TxnOperation as TxnOperationRequest,
  type TxnRequest,
  Relation as WireRelation,
} from "@quorate/proto";
import { bounds } from "../config.js";
import {
  type Compare,
  checkTxn,
  type DeleteRange,
  type Fence,
  type Grant,
  type Put,
  type Range,
  type Relation,
  subtreeEnd,
  subtreeStart,
  type Txn,
  type TxnOperation,
} from "../state-machine/index.js";
import { RequestError } from "./errors.js";
import { directoryKeyOf, keyOf, pathOf } from "./path.js";

/** Requests as the state machine's commands and reads, checked: whatever is refused here changes nothing. */

export function toPut(request: PutRequest): Put {
  if (request.value.length > bounds.valueBytesMax) {
    throw new RequestError(
      "TOO_LARGE",
      `a value may have ${bounds.valueBytesMax} bytes; this one has ${request.value.length}`,
    );
  }
  const key = keyOf(request.path);
  // The key that the server will name must be one that can be asked for.
  if (request.sequential) keyOf(`${request.path}/${"0".repeat(SEQUENCE_DIGITS)}`);
  return {
    kind: "put",
    key,
    value: request.value,
    lease: leaseId(request.leaseId),
    sequential: request.sequential,
    returnPrevious: request.returnPrevious,
    ignoreValue: false,
    ignoreLease: false,
  };
}

/** Digits of the revision in the name of a sequential key. */
const SEQUENCE_DIGITS = 16;

export function toDelete(request: DeleteRequest): DeleteRange {
  return { kind: "delete", ...toCovered(request), returnPrevious: request.returnPrevious };
}

/** The key of a path or, with `recursive`, that key and its subtree: what a delete deletes and a compare compares. */
function toCovered({
  path,
  recursive,
}: DeleteRequest | CompareRequest): Pick<DeleteRange, "key" | "end" | "subtree"> {
  // Every key begins with "/", so what ends at "0", the next character, is all of them.
  if (path === "/" && recursive) return { key: "/", end: "0", subtree: false };
  return { key: keyOf(path), end: undefined, subtree: recursive };
}

export function toGet(request: GetRequest): Range {
  return {
    kind: "range",
    key: keyOf(request.path),
    end: undefined,
    limit: 1,
    revision: revision(request.revision),
    keysOnly: false,
    countOnly: false,
    childrenOf: undefined,
  };
}

export function toList(request: ListRequest): Range {
  const directory = subtreeStart(directoryKeyOf(request.path));
  return {
    kind: "range",
    key: request.after === "" ? directory : startAfter(request.after, directory),
    end: subtreeEnd(directoryKeyOf(request.path)),
    limit: limitWithin(request.limit, bounds.listNodesMax),
    revision: revision(request.revision),
    keysOnly: request.keysOnly,
    countOnly: false,
    childrenOf: request.recursive ? undefined : directory,
  };
}

/** Where the page after the node `after` starts. */
function startAfter(after: string, directory: string): string {
  const key = keyOf(after);
  if (!key.startsWith(directory)) {
    throw new RequestError("INVALID_ARGUMENT", `"after" must lie below the listed directory: ${pathOf(key)}`);
  }
  return `${key}\0`;
}

export function toTxn(request: TxnRequest): Txn {
  const txn = toUncheckedTxn(request, 0);
  const defect = checkTxn(txn, bounds.txnOperationsMax);
  if (defect === undefined) {
    checkBytes(txn);
    return txn;
  }
  switch (defect.kind) {
    case "tooManyOperations":
      throw new RequestError(
        "TOO_LARGE",
        `a transaction may have ${defect.operationsMax} operations, nested ones counted`,
      );
    case "duplicateKey":
      throw new RequestError(
        "INVALID_ARGUMENT",
        `a transaction may change a key once; this one may change ${pathOf(defect.key)} twice`,
      );
    case "tooDeep":
      throw new RequestError(
        "INVALID_ARGUMENT",
        `transactions may nest ${defect.depthMax} levels deep, the outermost counted`,
      );
  }
}

/** Bytes of keys and values that a transaction carries: they become one log entry, which travels as one message. */
function checkBytes(txn: Txn): void {
  const bytes = bytesOf(txn);
  if (bytes > bounds.requestBytesMax) {
    throw new RequestError(
      "TOO_LARGE",
      `a request may carry ${bounds.requestBytesMax} bytes of keys and values; this one carries ${bytes}`,
    );
  }
}

function bytesOf(operation: TxnOperation): number {
  switch (operation.kind) {
    case "put":
      return operation.key.length + operation.value.length;
    case "delete":
    case "range":
      return operation.key.length;
    case "txn":
      return (
        sum(
          operation.compares,
          ({ key, target }) => key.length + (target.kind === "value" ? target.value.length : 0),
        ) +
        sum(operation.then, bytesOf) +
        sum(operation.otherwise, bytesOf)
      );
  }
}

function sum<T>(items: readonly T[], measure: (item: T) => number): number {
  return items.reduce((total, item) => total + measure(item), 0);
}

/** Nested deeper than the operation budget allows cannot be valid, and must not exhaust the stack. */
function toUncheckedTxn(request: TxnRequest, depth: number): Txn {
  if (depth > bounds.txnOperationsMax)
    throw new RequestError("TOO_LARGE", "transactions are nested too deeply");
  return {
    kind: "txn",
    compares: request.compares.map(toCompare),
    then: request.then.map((operation) => toOperation(operation, depth)),
    otherwise: request.otherwise.map((operation) => toOperation(operation, depth)),
  };
}

function toOperation({ operation }: TxnOperationRequest, depth: number): TxnOperation {
  switch (operation.case) {
    case "get":
      return toGet(operation.value);
    case "list":
      return toList(operation.value);
    case "put":
      refuseInner(operation.value);
      return toPut(operation.value);
    case "delete":
      refuseInner(operation.value);
      return toDelete(operation.value);
    case "txn":
      refuseInner(operation.value);
      return toUncheckedTxn(operation.value, depth + 1);
    case undefined:
      throw new RequestError("INVALID_ARGUMENT", "an operation of the transaction is empty");
  }
}

function refuseInner(request: {
  readonly fence?: FenceRequest | undefined;
  readonly exactlyOnce?: unknown;
}): void {
  if (request.fence !== undefined || request.exactlyOnce !== undefined) {
    throw new RequestError("INVALID_ARGUMENT", "fence and exactly_once belong on the outermost transaction");
  }
}

const RELATIONS: Record<WireRelation, Relation> = {
  [WireRelation.UNSPECIFIED]: "equal",
  [WireRelation.EQUAL]: "equal",
  [WireRelation.NOT_EQUAL]: "notEqual",
  [WireRelation.LESS]: "less",
  [WireRelation.GREATER]: "greater",
};

function toCompare(request: CompareRequest): Compare {
  const relation = RELATIONS[request.relation];
  if (relation === undefined)
    throw new RequestError("INVALID_ARGUMENT", `unknown relation ${request.relation}`);
  return { ...toCovered(request), relation, target: toTarget(request) };
}

function toTarget({ target }: CompareRequest): Compare["target"] {
  switch (target.case) {
    case "version":
    case "createRevision":
    case "modRevision":
      return { kind: target.case, number: wholeNumber(target.value, "a number to compare with") };
    case "leaseId":
      return { kind: "lease", number: leaseId(target.value) };
    case "value":
      return { kind: "value", value: target.value };
    case undefined:
      throw new RequestError("INVALID_ARGUMENT", "a compare does not say what to compare");
  }
}

export function toFence(request: FenceRequest | undefined): Fence | undefined {
  if (request === undefined) return undefined;
  if (request.token <= 0n) {
    throw new RequestError("INVALID_ARGUMENT", `a fencing token is positive; got ${request.token}`);
  }
  return { key: keyOf(request.key), token: wholeNumber(request.token, "a fencing token") };
}

export function toGrant(request: GrantRequest, session: boolean): Grant {
  const ttlMs = Number(request.ttlMs);
  if (!(ttlMs > 0 && ttlMs <= bounds.leaseTtlMaxMs)) {
    throw new RequestError(
      "INVALID_ARGUMENT",
      `a TTL is between 1 and ${bounds.leaseTtlMaxMs} ms; got ${ttlMs}`,
    );
  }
  return {
    kind: "grant",
    ttlMs: Math.max(ttlMs, bounds.leaseTtlMinMs),
    lease: leaseId(request.leaseId),
    session,
  };
}

/** A lease id: 0 for none. */
export function leaseId(id: bigint): number {
  return wholeNumber(id, "a lease id");
}

/** How many the caller wants of what there may be many of: 0 asks for as many as there may be in one answer. */
export function limitWithin(value: bigint, max: number): number {
  const limit = wholeNumber(value, "a limit");
  return limit === 0 ? max : Math.min(limit, max);
}

/** A revision to read at: 0 for the current one. */
export function revision(value: bigint): number {
  return wholeNumber(value, "a revision");
}

/**
 * A 64-bit number of the wire as the plain number that it is inside. Every one that comes in passes here: one that
 * does not fit would become another number, or could not be written to the log.
 */
export function wholeNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (!(number >= 0 && Number.isSafeInteger(number))) {
    throw new RequestError("INVALID_ARGUMENT", `${what} is not negative and below 2^53; got ${value}`);
  }
  return number;
}
