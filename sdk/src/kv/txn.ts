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

function numberCompare(attribute: NumberAttribute, path: string, options: CompareOptions): NumberCompare {
  const relate =
    (relation: Relation) =>
    (number: number): TxnCompare => ({
      path,
      recursive: options.recursive ?? false,
      relation,
      target: { attribute, number },
    });
  return {
    equals: relate("equal"),
    notEquals: relate("not-equal"),
    lessThan: relate("less"),
    greaterThan: relate("greater"),
  };
}

function valueCompare(path: string, options: CompareOptions): ValueCompare {
  const relate =
    (relation: Relation) =>
    (bytes: string | Uint8Array): TxnCompare => ({
      path,
      recursive: options.recursive ?? false,
      relation,
      target: { attribute: "value", bytes },
    });
  return {
    equals: relate("equal"),
    notEquals: relate("not-equal"),
    lessThan: relate("less"),
    greaterThan: relate("greater"),
  };
}

/** Makes the conditions of a transaction, for example `compare.modRevision("/a").equals(7)`. */
export const compare = {
  value: (path: string, options: CompareOptions = {}): ValueCompare => valueCompare(path, options),
  version: (path: string, options: CompareOptions = {}): NumberCompare =>
    numberCompare("version", path, options),
  createRevision: (path: string, options: CompareOptions = {}): NumberCompare =>
    numberCompare("createRevision", path, options),
  modRevision: (path: string, options: CompareOptions = {}): NumberCompare =>
    numberCompare("modRevision", path, options),
  lease: (path: string, options: CompareOptions = {}): NumberCompare => numberCompare("lease", path, options),
  /** The key exists. */
  exists: (path: string): TxnCompare => numberCompare("version", path, {}).notEquals(0),
  /** The key does not exist. */
  missing: (path: string): TxnCompare => numberCompare("version", path, {}).equals(0),
};

/** Makes the operations of a transaction, for example `op.put("/a", "1")`. Each sees those before it. */
export const op = {
  get: (path: string, options: { readonly revision?: number } = {}): TxnOp => ({
    kind: "get",
    path,
    revision: options.revision ?? 0,
  }),
  list: (path: string, options: TxnListOptions = {}): TxnOp => ({ kind: "list", path, options }),
  put: (path: string, value: string | Uint8Array, options: PutFields = {}): TxnOp => ({
    kind: "put",
    path,
    value,
    options,
  }),
  delete: (path: string, options: DeleteFields = {}): TxnOp => ({ kind: "delete", path, options }),
  /** A nested transaction. Its compares are evaluated before anything is applied. */
  txn: (spec: TxnBranches): TxnOp => ({ kind: "txn", spec }),
};
