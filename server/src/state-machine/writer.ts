import type { DeleteRange, Put } from "./command.js";
import type { Entry } from "./entry.js";
import { type Key, sequentialKey, shownKey, subtreeEnd, subtreeStart } from "./key.js";
import type { Lease, LeaseTable } from "./lease.js";
import type { Mvcc } from "./mvcc.js";
import type { QuotaTable } from "./quota.js";
import { keysIn } from "./range-read.js";
import { refuse } from "./refusal.js";
import type { DeleteResult, ErrorResult, PutResult } from "./result.js";

/** Changes entries and keeps leases and quotas in step: the only way keys are written or deleted. */
export class Writer {
  readonly #mvcc: Mvcc;
  readonly #leases: LeaseTable;
  readonly #quotas: QuotaTable;

  constructor(mvcc: Mvcc, leases: LeaseTable, quotas: QuotaTable) {
    this.#mvcc = mvcc;
    this.#leases = leases;
    this.#quotas = quotas;
  }

  /** Why a put could not be applied, if it could not. */
  checkPut(put: Put): ErrorResult | undefined {
    if (put.ignoreValue || put.ignoreLease) {
      if (put.sequential) return refuse("INVALID_ARGUMENT", "a sequential put has nothing to keep");
      if (this.#mvcc.get(put.key) === undefined) {
        return refuse(
          "KEY_NOT_FOUND",
          `${shownKey(put.key)} does not exist: there is no value or lease to keep`,
        );
      }
    }
    if (put.lease !== 0 && !put.ignoreLease && this.#leases.get(put.lease) === undefined) {
      return refuse("LEASE_NOT_FOUND", `lease ${put.lease} does not exist`);
    }
    if (put.sequential && this.#mvcc.get(sequentialKey(put.key, this.#mvcc.writeRevision)) !== undefined) {
      // Somebody wrote that name by hand. Its create revision, the fencing token, would not be the one in its name.
      return refuse("INVALID_ARGUMENT", "the key that the sequential put would create exists already");
    }
    return undefined;
  }

  /** Applies a put that was checked. */
  put(put: Put): PutResult {
    const mvcc = this.#mvcc;
    const key = put.sequential ? sequentialKey(put.key, mvcc.writeRevision) : put.key;
    let { value, lease } = put;
    if (put.ignoreValue || put.ignoreLease) {
      const kept = mvcc.get(key);
      if (put.ignoreValue) value = kept?.value ?? value;
      if (put.ignoreLease) lease = kept?.lease ?? 0;
    }
    const previous = mvcc.put(key, value, lease);
    this.#leases.move(key, previous === undefined ? 0 : previous.lease, lease);
    if (!this.#quotas.isEmpty) {
      if (previous === undefined) this.#quotas.changed(key, 1, key.length + value.length);
      else this.#quotas.changed(key, 0, value.length - previous.value.length);
    }
    return { kind: "put", revision: mvcc.revision, key, previous: put.returnPrevious ? previous : undefined };
  }

  /** Applies a delete. */
  deleteRange(command: DeleteRange): DeleteResult {
    const { key, subtree } = command;
    const deleted: Entry[] = [];
    // Collected first: an index must not change under its cursor.
    for (const found of keysIn(this.#mvcc, command)) this.#deleteInto(found, deleted);
    if (subtree) {
      const below = { key: subtreeStart(key), end: subtreeEnd(key) };
      for (const found of keysIn(this.#mvcc, below)) this.#deleteInto(found, deleted);
    }
    return {
      kind: "delete",
      revision: this.#mvcc.revision,
      deleted: deleted.length,
      previous: command.returnPrevious ? deleted : [],
    };
  }

  /** Ends a lease: deletes its keys, in key order, since every node must make the same changes. */
  endLease(lease: Lease): void {
    for (const key of [...lease.keys()].sort(byBytes)) this.#deleteInto(key, []);
    this.#leases.remove(lease);
  }

  #deleteInto(key: Key, deleted: Entry[]): void {
    const previous = this.#mvcc.delete(key);
    if (previous === undefined) return;
    this.#leases.move(key, previous.lease, 0);
    if (!this.#quotas.isEmpty) this.#quotas.changed(key, -1, -key.length - previous.value.length);
    deleted.push(previous);
  }
}

function byBytes(left: Key, right: Key): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
