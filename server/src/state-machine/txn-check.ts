import type { DeleteRange, Txn, TxnOperation } from "./command.js";
import { type Key, subtreeEnd, subtreeStart } from "./key.js";
import { sequentialDigits, txnDepthMax, txnOperationsMaxDefault } from "./limits.js";

/** What is wrong with a transaction before any state is looked at. */
export type TxnDefect =
  | { readonly kind: "tooManyOperations"; readonly operationsMax: number }
  | { readonly kind: "tooDeep"; readonly depthMax: number }
  /** Two operations that can both be applied would change `key` twice at one revision. */
  | { readonly kind: "duplicateKey"; readonly key: Key };

/**
 * Checks a transaction by itself: that it keeps within `operationsMax`, does not nest too deep, and changes no key twice. The budget is
 * spent by the longest of the three lists, and by nested transactions on top. The two branches of one transaction
 * exclude each other and may change the same keys; deletes may overlap deletes.
 */
export function checkTxn(txn: Txn, operationsMax: number = txnOperationsMaxDefault): TxnDefect | undefined {
  if (tooDeep(txn, txnDepthMax)) return { kind: "tooDeep", depthMax: txnDepthMax };
  if (spend(txn, operationsMax) < 0) return { kind: "tooManyOperations", operationsMax };
  const key = duplicateKey(txn);
  return key === undefined ? undefined : { kind: "duplicateKey", key };
}

/** A key that the transaction might change twice at one revision; undefined when there is none. */
export function duplicateKey(txn: Txn): Key | undefined {
  if (isPlain(txn.then) && isPlain(txn.otherwise)) return undefined;
  const then = writesOf(txn.then);
  if (then.duplicate !== undefined) return then.duplicate;
  return writesOf(txn.otherwise).duplicate;
}

function tooDeep(txn: Txn, depthLeft: number): boolean {
  if (depthLeft === 0) return true;
  const nested = (operation: TxnOperation) => operation.kind === "txn" && tooDeep(operation, depthLeft - 1);
  return txn.then.some(nested) || txn.otherwise.some(nested);
}

/** What is left of the budget: negative when it is overspent. */
function spend(txn: Txn, budget: number): number {
  let left = budget - Math.max(txn.compares.length, txn.then.length, txn.otherwise.length);
  for (const operations of [txn.then, txn.otherwise]) {
    for (const operation of operations) {
      if (left < 0) return left;
      if (operation.kind === "txn") left = spend(operation, left);
    }
  }
  return left;
}

/** At most one write, not nested: nothing can overlap. Most transactions are such. */
function isPlain(operations: readonly TxnOperation[]): boolean {
  let writes = 0;
  for (const operation of operations) {
    if (operation.kind === "txn") return false;
    if (operation.kind !== "range") writes += 1;
  }
  return writes <= 1;
}

/** The keys that a list of operations writes. */
class Writes {
  readonly puts = new Set<Key>();
  /** Prefixes of sequential puts. */
  readonly sequences = new Set<Key>();
  /** Pairs [first, end) that are deleted; end "" for none. */
  readonly deletes: (readonly [Key, Key])[] = [];
  /** A key that is written twice. */
  duplicate: Key | undefined = undefined;

  join(other: Writes): void {
    for (const key of other.puts) this.puts.add(key);
    for (const prefix of other.sequences) this.sequences.add(prefix);
    this.deletes.push(...other.deletes);
    this.duplicate ??= other.duplicate;
  }

  /** A key that both write, other than both by deleting it. */
  overlap(other: Writes): Key | undefined {
    return this.#overlapOfPuts(other) ?? other.#overlapOfPuts(this);
  }

  #overlapOfPuts(other: Writes): Key | undefined {
    for (const key of this.puts) {
      if (other.puts.has(key) || other.#deletesFrom(key, key)) return key;
      const prefix = sequencePrefix(key);
      if (prefix !== undefined && other.sequences.has(prefix)) return key;
    }
    for (const prefix of this.sequences) {
      const first = `${prefix}/${"0".repeat(sequentialDigits)}`;
      const last = `${prefix}/${"9".repeat(sequentialDigits)}`;
      if (other.sequences.has(prefix) || other.#deletesFrom(first, last)) return prefix;
    }
    return undefined;
  }

  /** Whether a delete touches a key from `first` to `last`, both included. */
  #deletesFrom(first: Key, last: Key): boolean {
    return this.deletes.some(([from, end]) => from <= last && (end === "" || first < end));
  }
}

function writesOf(operations: readonly TxnOperation[]): Writes {
  const all = new Writes();
  for (const operation of operations) {
    const own = writesOfOne(operation);
    all.duplicate ??= own.duplicate ?? all.overlap(own);
    if (all.duplicate !== undefined) return all;
    all.join(own);
  }
  return all;
}

function writesOfOne(operation: TxnOperation): Writes {
  const writes = new Writes();
  switch (operation.kind) {
    case "range":
      return writes;
    case "put":
      (operation.sequential ? writes.sequences : writes.puts).add(operation.key);
      return writes;
    case "delete":
      writes.deletes.push(...deletedRanges(operation));
      return writes;
    case "txn":
      // Only one of the branches is applied, so they may overlap each other.
      writes.join(writesOf(operation.then));
      writes.join(writesOf(operation.otherwise));
      return writes;
  }
}

function deletedRanges(operation: DeleteRange): (readonly [Key, Key])[] {
  const { key, end } = operation;
  if (end !== undefined) return end === "" || key < end ? [[key, end]] : [];
  const own = [key, `${key}\0`] as const;
  return operation.subtree ? [own, [subtreeStart(key), subtreeEnd(key)]] : [own];
}

/** The prefix whose sequential put could name `key`; undefined when none could. */
function sequencePrefix(key: Key): Key | undefined {
  const slash = key.length - sequentialDigits - 1;
  if (slash < 0 || key[slash] !== "/") return undefined;
  return /^[0-9]+$/.test(key.slice(slash + 1)) ? key.slice(0, slash) : undefined;
}
