import { bounds } from "../client/options.js";
import type { CompareTarget, TxnBranches, TxnCompare, TxnOp, TxnSpec } from "../kv/txn.js";
import { type OptionReader, optionsOf } from "./option-reader.js";
import { deleteFields, mutationOptions, putFields, txnListOptions } from "./option-readers.js";
import {
  bytesOrText,
  flag,
  listOf,
  oneOf,
  optional,
  type Reader,
  readAt,
  text,
  wholeNumber,
} from "./readers.js";
import { Refusal, unexpected } from "./refusal.js";

const relation = oneOf("equal", "not-equal", "less", "greater");
const attribute = oneOf("value", "version", "createRevision", "modRevision", "lease");
const kind = oneOf("get", "list", "put", "delete", "txn");

/**
 * Takes in one transaction, and counts what is in it: one that holds itself, or the same operations many times over,
 * would never come to an end.
 */
class TxnReading {
  #parts = 0;
  #depth = 0;

  /** Readers of the two branches and their conditions. */
  readonly branches = {
    compares: this.#partsOf((value) => compareOf(value)),
    then: this.#partsOf((value) => this.#operation(value)),
    otherwise: this.#partsOf((value) => this.#operation(value)),
  };
  readonly #nested: Reader<TxnBranches> = optionsOf<TxnBranches>(this.branches);

  #partsOf<T>(reader: Reader<T>): Reader<T[]> {
    return listOf((value) => {
      this.#parts += 1;
      if (this.#parts > bounds.txnPartsMax) {
        throw new Refusal(`the transaction has more than ${bounds.txnPartsMax} operations and compares`, {
          tooLarge: true,
        });
      }
      return reader(value);
    }, bounds.txnPartsMax);
  }

  #operation(value: unknown): TxnOp {
    const fields = fieldsOfObject(value, "an operation made by `op`");
    const read = <T>(name: string, reader: Reader<T>): T => readAt(reader, fields(name), `.${name}`);
    const chosen = read("kind", kind);
    switch (chosen) {
      case "get":
        return {
          kind: chosen,
          path: read("path", text),
          revision: read("revision", optional(wholeNumber)) ?? 0,
        };
      case "list":
        return { kind: chosen, path: read("path", text), options: read("options", txnListOptions) };
      case "put":
        return {
          kind: chosen,
          path: read("path", text),
          value: read("value", bytesOrText),
          options: read("options", putFields),
        };
      case "delete":
        return { kind: chosen, path: read("path", text), options: read("options", deleteFields) };
      case "txn":
        return { kind: chosen, spec: read("spec", (spec) => this.#deeper(spec)) };
    }
  }

  #deeper(spec: unknown): TxnBranches {
    this.#depth += 1;
    if (this.#depth > bounds.txnDepthMax) {
      throw new Refusal(`transactions are nested in each other more than ${bounds.txnDepthMax} deep`);
    }
    const branches = this.#nested(spec);
    this.#depth -= 1;
    return branches;
  }
}

function fieldsOfObject(value: unknown, expected: string): (name: string) => unknown {
  if (typeof value !== "object" || value === null) throw unexpected(expected, value);
  return (name) => Reflect.get(value, name);
}

function compareOf(value: unknown): TxnCompare {
  const fields = fieldsOfObject(
    value,
    "a condition made by `compare`, as in compare.value(path).equals(value)",
  );
  return {
    path: readAt(text, fields("path"), ".path"),
    recursive: readAt(optional(flag), fields("recursive"), ".recursive") ?? false,
    relation: readAt(relation, fields("relation"), ".relation"),
    target: readAt(targetOf, fields("target"), ".target"),
  };
}

function targetOf(value: unknown): CompareTarget {
  const fields = fieldsOfObject(value, "what to compare");
  const chosen = readAt(attribute, fields("attribute"), ".attribute");
  return chosen === "value"
    ? { attribute: chosen, bytes: readAt(bytesOrText, fields("bytes"), ".bytes") }
    : { attribute: chosen, number: readAt(wholeNumber, fields("number"), ".number") };
}

function txnSpecReader(): OptionReader<TxnSpec> {
  return optionsOf<TxnSpec>({ ...mutationOptions.readers, ...new TxnReading().branches });
}

/** A transaction with all that is in it. */
export const txnSpec: OptionReader<TxnSpec> = Object.assign(
  (value: unknown): TxnSpec => {
    if (value === undefined) throw unexpected("a transaction: { compares, then, otherwise }", value);
    return txnSpecReader()(value);
  },
  { readers: txnSpecReader().readers },
);

/** The branches of a transaction inside another. */
export const txnBranches: OptionReader<TxnBranches> = Object.assign(
  (value: unknown): TxnBranches => {
    if (value === undefined) throw unexpected("a transaction: { compares, then, otherwise }", value);
    return optionsOf<TxnBranches>(new TxnReading().branches)(value);
  },
  { readers: new TxnReading().branches },
);
