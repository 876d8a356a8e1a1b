import type { DeleteRange, Put, Txn, TxnOperation } from "./command.js";
import { holds } from "./compare.js";
import type { Growth } from "./growth.js";
import type { Mvcc } from "./mvcc.js";
import { checkRevision, readRange } from "./range-read.js";
import { refuse } from "./refusal.js";
import type { ErrorResult, Result, TxnResult } from "./result.js";
import { duplicateKey } from "./txn-check.js";
import type { Writer } from "./writer.js";

/**
 * Applies a transaction, whole or not at all: every compare, nested ones included, is decided on the state before it;
 * then everything that can fail on the chosen path is checked; only then is it applied, each operation seeing the ones
 * before it.
 */
export function applyTxn(mvcc: Mvcc, writer: Writer, growth: Growth, txn: Txn): TxnResult | ErrorResult {
  // The API refuses these already. Here it keeps one rule no input may break: one change of a key at one revision.
  const key = duplicateKey(txn);
  if (key !== undefined) return refuse("INVALID_ARGUMENT", `the transaction changes "${key}" twice`);
  const path: boolean[] = [];
  decide(mvcc, txn, path);
  const run = new TxnRun(mvcc, writer, path);
  const refusal =
    run.check(txn) ?? (growth.isLimited ? growth.checkAll(run.rewound().writes(txn)) : undefined);
  return refusal ?? run.rewound().apply(txn);
}

/** Appends the outcome of the transaction's compares, and of those nested in its chosen branch, depth first. */
function decide(mvcc: Mvcc, txn: Txn, path: boolean[]): void {
  const succeeded = txn.compares.every((compare) => holds(mvcc, compare));
  path.push(succeeded);
  for (const operation of succeeded ? txn.then : txn.otherwise) {
    if (operation.kind === "txn") decide(mvcc, operation, path);
  }
}

/** Walks the chosen path, taking the decisions in the order in which they were made. */
class TxnRun {
  readonly #mvcc: Mvcc;
  readonly #writer: Writer;
  readonly #path: readonly boolean[];
  #at = 0;

  constructor(mvcc: Mvcc, writer: Writer, path: readonly boolean[]) {
    this.#mvcc = mvcc;
    this.#writer = writer;
    this.#path = path;
  }

  rewound(): this {
    this.#at = 0;
    return this;
  }

  /** Why the transaction cannot be applied, if it cannot. */
  check(txn: Txn): ErrorResult | undefined {
    for (const operation of this.#branch(this.#decision(), txn)) {
      const refusal = this.#checkOne(operation);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** What the transaction writes, in order. */
  writes(txn: Txn, into: (Put | DeleteRange)[] = []): readonly (Put | DeleteRange)[] {
    for (const operation of this.#branch(this.#decision(), txn)) {
      if (operation.kind === "txn") this.writes(operation, into);
      else if (operation.kind !== "range") into.push(operation);
    }
    return into;
  }

  apply(txn: Txn): TxnResult {
    const succeeded = this.#decision();
    const results: Result[] = [];
    for (const operation of this.#branch(succeeded, txn)) results.push(this.#applyOne(operation));
    return { kind: "txn", succeeded, revision: this.#mvcc.revision, results };
  }

  #decision(): boolean {
    const decision = this.#path[this.#at];
    this.#at += 1;
    return decision === true;
  }

  #branch(succeeded: boolean, txn: Txn): readonly TxnOperation[] {
    return succeeded ? txn.then : txn.otherwise;
  }

  #checkOne(operation: TxnOperation): ErrorResult | undefined {
    switch (operation.kind) {
      case "range":
        return checkRevision(this.#mvcc, operation.revision);
      case "put":
        return this.#writer.checkPut(operation);
      case "delete":
        return undefined;
      case "txn":
        return this.check(operation);
    }
  }

  #applyOne(operation: TxnOperation): Result {
    switch (operation.kind) {
      case "range":
        return readRange(this.#mvcc, operation);
      case "put":
        return this.#writer.put(operation);
      case "delete":
        return this.#writer.deleteRange(operation);
      case "txn":
        return this.apply(operation);
    }
  }
}
