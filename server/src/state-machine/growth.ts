import type { AgreedLimits } from "./agreed-limits.js";
import type { DeleteRange, Put } from "./command.js";
import { type Key, sequentialKey, shownKey, subtreeEnd, subtreeStart } from "./key.js";
import { type Mvcc, versionBytes } from "./mvcc.js";
import type { QuotaRecord, QuotaTable } from "./quota.js";
import { keysIn } from "./range-read.js";
import { refuse } from "./refusal.js";
import type { ErrorResult } from "./result.js";

/**
 * Decides whether there is room for what a command writes, before anything of it is applied: in every subtree with a
 * quota that it writes to, and in the whole store.
 *
 * Invariant: a quota's subtree never grows beyond it, and never at all while it is beyond; the space never grows beyond
 * its limit by a put. What only shrinks always passes. A pure function of the state, so all nodes decide alike.
 */
export class Growth {
  readonly #mvcc: Mvcc;
  readonly #quotas: QuotaTable;
  readonly #limits: AgreedLimits;
  #curableRefusalRevision = 0;

  constructor(mvcc: Mvcc, quotas: QuotaTable, limits: AgreedLimits) {
    this.#mvcc = mvcc;
    this.#quotas = quotas;
    this.#limits = limits;
  }

  /** Whether anything is limited at all. */
  get isLimited(): boolean {
    return !this.#quotas.isEmpty || this.#limits.current.spaceBytesMax !== 0;
  }

  /** The revision at which space was last refused that compaction could have made, 0 for none. No part of the state. */
  get curableRefusalRevision(): number {
    return this.#curableRefusalRevision;
  }

  /** Why there is no room for a put. */
  checkPut(put: Put): ErrorResult | undefined {
    if (!this.#quotas.isEmpty) {
      const { key, keys, bytes } = this.#effectOf(put);
      for (const quota of this.#quotas.enclosing(key)) {
        const refusal = exceeded(quota, keys, bytes);
        if (refusal !== undefined) return refusal;
      }
    }
    return this.#checkSpace(this.#versionOf(put));
  }

  /** Why there is no room for these writes together, of which none changes a key that another changes but by deletes. */
  checkAll(writes: readonly (Put | DeleteRange)[]): ErrorResult | undefined {
    // Without a put nothing grows.
    if (!writes.some(({ kind }) => kind === "put")) return undefined;
    return this.#checkQuotas(writes) ?? this.#checkSpace(this.#versionsOf(writes));
  }

  #checkQuotas(writes: readonly (Put | DeleteRange)[]): ErrorResult | undefined {
    if (this.#quotas.isEmpty) return undefined;
    const net = new Map<QuotaRecord, { keys: number; bytes: number }>();
    const count = (key: Key, keys: number, bytes: number): void => {
      for (const quota of this.#quotas.enclosing(key)) {
        const sum = net.get(quota) ?? { keys: 0, bytes: 0 };
        net.set(quota, { keys: sum.keys + keys, bytes: sum.bytes + bytes });
      }
    };
    // Deletes may overlap each other; each key goes once.
    const deleted = new Set<Key>();
    for (const write of writes) {
      if (write.kind === "put") {
        const { key, keys, bytes } = this.#effectOf(write);
        count(key, keys, bytes);
        continue;
      }
      for (const key of this.#keysOf(write)) {
        if (deleted.has(key)) continue;
        deleted.add(key);
        count(key, -1, -this.#bytesOf(key));
      }
    }
    for (const [quota, { keys, bytes }] of net) {
      const refusal = exceeded(quota, keys, bytes);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Every put adds a version: the one before it counts until it is compacted. */
  #versionsOf(writes: readonly (Put | DeleteRange)[]): number {
    return writes.reduce((sum, write) => sum + (write.kind === "put" ? this.#versionOf(write) : 0), 0);
  }

  #checkSpace(bytes: number): ErrorResult | undefined {
    const { spaceBytesMax } = this.#limits.current;
    const { heldBytes, spaceBytes, historyBytes, revision } = this.#mvcc;
    if (spaceBytesMax === 0 || heldBytes + bytes <= spaceBytesMax) return undefined;
    if (spaceBytes - historyBytes + bytes <= spaceBytesMax) this.#curableRefusalRevision = revision;
    return refuse(
      "SPACE_EXCEEDED",
      `the store takes ${spaceBytes} bytes, history included, and may take ${spaceBytesMax}; this would add ${bytes}: delete keys, or raise --space-bytes-max on every node`,
    );
  }

  /** What a put changes at its key. */
  #effectOf(put: Put): { readonly key: Key; readonly keys: number; readonly bytes: number } {
    const key = this.#keyOf(put);
    const before = this.#mvcc.get(key);
    if (before === undefined) return { key, keys: 1, bytes: key.length + put.value.length };
    return { key, keys: 0, bytes: put.ignoreValue ? 0 : put.value.length - before.value.length };
  }

  #versionOf(put: Put): number {
    const key = this.#keyOf(put);
    const value = put.ignoreValue ? (this.#mvcc.get(key)?.value ?? put.value) : put.value;
    return versionBytes(key, value);
  }

  #keyOf(put: Put): Key {
    return put.sequential ? sequentialKey(put.key, this.#mvcc.writeRevision) : put.key;
  }

  #keysOf(command: DeleteRange): Key[] {
    const keys = keysIn(this.#mvcc, command);
    if (!command.subtree) return keys;
    const below = { key: subtreeStart(command.key), end: subtreeEnd(command.key) };
    return [...keys, ...keysIn(this.#mvcc, below)];
  }

  #bytesOf(key: Key): number {
    return key.length + (this.#mvcc.get(key)?.value.length ?? 0);
  }
}

function exceeded(quota: QuotaRecord, keys: number, bytes: number): ErrorResult | undefined {
  const { keysMax, bytesMax } = quota;
  if (keys > 0 && keysMax !== 0 && quota.keys + keys > keysMax) {
    return beyond(quota, `${keysMax} keys`, quota.keys, keys);
  }
  if (bytes > 0 && bytesMax !== 0 && quota.bytes + bytes > bytesMax) {
    return beyond(quota, `${bytesMax} bytes`, quota.bytes, bytes);
  }
  return undefined;
}

function beyond({ key }: QuotaRecord, limit: string, held: number, added: number): ErrorResult {
  const path = key === "" ? "/" : shownKey(key);
  return refuse(
    "QUOTA_EXCEEDED",
    `the quota of ${path} is ${limit}; it holds ${held}, and this would add ${added}`,
  );
}
