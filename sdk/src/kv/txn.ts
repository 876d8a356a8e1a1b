import { compareCalls, opCalls, relationCalls } from "../arguments/calls.js";
import type { CallOptions } from "../client/options.js";
import type { DeleteFields, ListOptions, Ownership, PutFields } from "./options.js";

/** The relation a key's attribute must have to the given value. */
export type Relation = "equal" | "not-equal" | "less" | "greater";

/** The attribute compared. All numbers are 0 on a missing key; a value compare on one is false. */
export type CompareTarget =
  | { readonly attribute: "version" | "createRevision" | "modRevision" | "lease"; readonly number: number }
  | { readonly attribute: "value"; readonly bytes: string | Uint8Array };

/** One condition of a transaction, made by {@link compare}. */
export interface TxnCompare {
  readonly path: string;
  readonly recursive: boolean;
  readonly relation: Relation;
  readonly target: CompareTarget;
}

/** One operation of a transaction, made by {@link op}. */
export type TxnOp =
  | { readonly kind: "get"; readonly path: string; readonly revision: number }
  | { readonly kind: "list"; readonly path: string; readonly options: TxnListOptions }
  | {
      readonly kind: "put";
      readonly path: string;
      readonly value: string | Uint8Array;
      readonly options: PutFields;
    }
  | { readonly kind: "delete"; readonly path: string; readonly options: DeleteFields }
  | { readonly kind: "txn"; readonly spec: TxnBranches };

/** What a list inside a transaction can ask for. */
export type TxnListOptions = Pick<ListOptions, "recursive" | "limit" | "after" | "keysOnly" | "revision">;

/** Conditions and the two branches. */
export interface TxnBranches {
  /** All must hold for `then` to be applied. Default none, which holds. */
  readonly compares?: readonly TxnCompare[] | undefined;
  /** Applied when every compare holds. */
  readonly then?: readonly TxnOp[] | undefined;
  /** Applied when some compare does not. */
  readonly otherwise?: readonly TxnOp[] | undefined;
}

/** A transaction: one atomic change at one revision. */
export interface TxnSpec extends TxnBranches, CallOptions {
  /** Apply only while this ownership is held, whichever branch is taken; otherwise FENCED. */
  readonly fence?: Ownership | undefined;
}

/** Whether a compare covers the key alone or, with `recursive`, the key and every key below it. */
export interface CompareOptions {
  readonly recursive?: boolean | undefined;
}

/** Completes a condition on a number. */
export interface NumberCompare {
  equals(number: number): TxnCompare;
  notEquals(number: number): TxnCompare;
  lessThan(number: number): TxnCompare;
  greaterThan(number: number): TxnCompare;
}

/** Completes a condition on a value, compared bytewise. */
export interface ValueCompare {
  equals(value: string | Uint8Array): TxnCompare;
  notEquals(value: string | Uint8Array): TxnCompare;
  lessThan(value: string | Uint8Array): TxnCompare;
  greaterThan(value: string | Uint8Array): TxnCompare;
}

type NumberAttribute = Exclude<CompareTarget["attribute"], "value">;

function numberCompare(attribute: NumberAttribute, path: string, recursive: boolean): NumberCompare {
  const related =
    (relation: Relation, { number: take }: (typeof relationCalls)["equals"]) =>
    (number: number): TxnCompare => {
      const [taken] = take(number);
      return { path, recursive, relation, target: { attribute, number: taken } };
    };
  return {
    equals: related("equal", relationCalls.equals),
    notEquals: related("not-equal", relationCalls.notEquals),
    lessThan: related("less", relationCalls.lessThan),
    greaterThan: related("greater", relationCalls.greaterThan),
  };
}

function valueCompare(path: string, recursive: boolean): ValueCompare {
  const related =
    (relation: Relation, { value: take }: (typeof relationCalls)["equals"]) =>
    (value: string | Uint8Array): TxnCompare => {
      const [bytes] = take(value);
      return { path, recursive, relation, target: { attribute: "value", bytes } };
    };
  return {
    equals: related("equal", relationCalls.equals),
    notEquals: related("not-equal", relationCalls.notEquals),
    lessThan: related("less", relationCalls.lessThan),
    greaterThan: related("greater", relationCalls.greaterThan),
  };
}

function numberComparer(attribute: NumberAttribute) {
  return (path: string, options?: CompareOptions): NumberCompare => {
    const [key, { recursive = false }] = compareCalls[attribute](path, options);
    return numberCompare(attribute, key, recursive);
  };
}

/**
 * Makes the conditions of a transaction, for example `compare.modRevision("/a").equals(7)`. Throws InvalidArgument at once
 * for an argument that is none.
 */
export const compare = {
  value: (path: string, options?: CompareOptions): ValueCompare => {
    const [key, { recursive = false }] = compareCalls.value(path, options);
    return valueCompare(key, recursive);
  },
  version: numberComparer("version"),
  createRevision: numberComparer("createRevision"),
  modRevision: numberComparer("modRevision"),
  lease: numberComparer("lease"),
  /** The key exists. */
  exists: (path: string): TxnCompare => {
    const [key] = compareCalls.exists(path);
    return numberCompare("version", key, false).notEquals(0);
  },
  /** The key does not exist. */
  missing: (path: string): TxnCompare => {
    const [key] = compareCalls.missing(path);
    return numberCompare("version", key, false).equals(0);
  },
};

/**
 * Makes the operations of a transaction, for example `op.put("/a", "1")`. Each sees those before it. Throws InvalidArgument
 * at once for an argument that is none.
 */
export const op = {
  get: (path: string, options?: { readonly revision?: number | undefined }): TxnOp => {
    const [key, { revision = 0 }] = opCalls.get(path, options);
    return { kind: "get", path: key, revision };
  },
  list: (path: string, options?: TxnListOptions): TxnOp => {
    const [key, listed] = opCalls.list(path, options);
    return { kind: "list", path: key, options: listed };
  },
  put: (path: string, value: string | Uint8Array, options?: PutFields): TxnOp => {
    const [key, content, fields] = opCalls.put(path, value, options);
    return { kind: "put", path: key, value: content, options: fields };
  },
  delete: (path: string, options?: DeleteFields): TxnOp => {
    const [key, fields] = opCalls.delete(path, options);
    return { kind: "delete", path: key, options: fields };
  },
  /** A nested transaction. Its compares are evaluated before anything is applied. */
  txn: (spec: TxnBranches): TxnOp => {
    const [branches] = opCalls.txn(spec);
    return { kind: "txn", spec: branches };
  },
};
