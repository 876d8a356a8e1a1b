import type {
  Command,
  CommandBody,
  Compare,
  DeleteRange,
  Fence,
  Grant,
  Put,
  Range,
  Relation,
  Txn,
  TxnOperation,
} from "./command.js";
import type { Change } from "./entry.js";
import type { Key } from "./key.js";
import { type LeaseBounds, leaseBounds } from "./limits.js";
import type { RangeResult, Result } from "./result.js";
import type { LeaseImage, StateDelta, StateImage } from "./state-image.js";
import { type Applied, StateMachine } from "./state-machine.js";

/** A state machine with what stands for its disk, fed one command an entry. For tests. */
export class TestMachine {
  readonly disk = new MemoryDisk();
  machine: StateMachine;
  term = 1;
  applied: Applied = { results: [], changes: [], leasesGranted: [], leasesEnded: [] };
  readonly #bounds: LeaseBounds;

  constructor(bounds: Partial<LeaseBounds> = {}) {
    this.#bounds = { ...leaseBounds, ...bounds };
    this.machine = new StateMachine(this.disk, this.#bounds);
  }

  /** Applies one command outside any session. */
  run(body: CommandBody, fence?: Fence): Result {
    return this.command({ sessionId: 0, sequence: 0, lowestPending: 0, fence, body });
  }

  /** Applies one command as an entry of its own. */
  command(command: Command): Result {
    this.applied = this.machine.apply(this.machine.appliedIndex + 1, this.term, [command]);
    const result = this.applied.results[0];
    if (result === undefined) throw new Error("a command had no result");
    return result;
  }

  /** Applies one command on a session. */
  on(sessionId: number, sequence: number, body: CommandBody, lowestPending = 1, fence?: Fence): Result {
    return this.command({ sessionId, sequence, lowestPending, fence, body });
  }

  /** Grants a lease and returns its id. */
  lease(options: Partial<Grant> = {}): number {
    const result = this.run({ kind: "grant", ttlMs: 10_000, lease: 0, session: false, ...options });
    if (result.kind !== "grant") throw new Error(`no lease: ${JSON.stringify(result)}`);
    return result.lease;
  }

  session(): number {
    return this.lease({ session: true });
  }

  /** Reads, or throws. */
  range(key: Key, options: Partial<Range> = {}): RangeResult {
    const result = this.machine.read(range(key, options));
    if (result.kind === "error") throw new Error(`${result.code}: ${result.message}`);
    return result;
  }

  /** The value of a key as text; undefined when it does not exist. */
  text(key: Key, revision = 0): string | undefined {
    const entry = this.range(key, { revision }).entries[0]?.entry;
    return entry === undefined ? undefined : textOf(entry.value);
  }

  flush(): void {
    this.disk.write(this.machine.takeDelta());
    this.machine.changeLog.trim(this.machine.lastSeq);
  }

  /** Starts over from what is on disk. */
  restart(): void {
    this.machine = StateMachine.restore(this.disk.image(), this.disk, this.#bounds);
  }
}

/** Does in memory what the state store does on disk. */
export class MemoryDisk {
  readonly #changes = new Map<number, Change>();
  readonly #leases = new Map<number, LeaseImage>();
  #last: StateDelta | undefined = undefined;
  #members: StateDelta["members"] = undefined;
  #quotas: StateDelta["quotas"] = undefined;
  #limits: StateDelta["limits"] = undefined;
  #historyId: StateDelta["historyId"] = undefined;

  write(delta: StateDelta): void {
    for (const change of delta.changes) this.#changes.set(change.seq, { ...change, previous: undefined });
    for (const seq of delta.forgotten) this.#changes.delete(seq);
    for (const id of delta.leasesRemoved) this.#leases.delete(id);
    for (const lease of delta.leases) this.#leases.set(lease.id, lease);
    this.#members = delta.members ?? this.#members;
    this.#quotas = delta.quotas ?? this.#quotas;
    this.#limits = delta.limits ?? this.#limits;
    this.#historyId = delta.historyId ?? this.#historyId;
    this.#last = delta;
  }

  change(seq: number): Change | undefined {
    return this.#changes.get(seq);
  }

  get changeCount(): number {
    return this.#changes.size;
  }

  image(): StateImage {
    if (this.#last === undefined) throw new Error("nothing was written");
    const changes = [...this.#changes.values()].sort((left, right) => left.seq - right.seq);
    return {
      meta: this.#last.meta,
      changes,
      leases: this.#leases.values(),
      members: this.#members ?? [],
      quotas: this.#quotas ?? [],
      limits: this.#limits,
      historyId: this.#historyId,
    };
  }
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(value: Uint8Array): string {
  return String.fromCharCode(...value);
}

export function put(key: Key, value = "", options: Partial<Put> = {}): Put {
  return {
    kind: "put",
    key,
    value: bytes(value),
    lease: 0,
    sequential: false,
    returnPrevious: false,
    ignoreValue: false,
    ignoreLease: false,
    ...options,
  };
}

export function del(key: Key, options: Partial<DeleteRange> = {}): DeleteRange {
  return { kind: "delete", key, end: undefined, subtree: false, returnPrevious: false, ...options };
}

export function range(key: Key, options: Partial<Range> = {}): Range {
  return {
    kind: "range",
    key,
    end: undefined,
    limit: 0,
    revision: 0,
    keysOnly: false,
    countOnly: false,
    childrenOf: undefined,
    ...options,
  };
}

export function txn(compares: Compare[], whenTrue: TxnOperation[], otherwise: TxnOperation[] = []): Txn {
  return { kind: "txn", compares, then: whenTrue, otherwise };
}

export function compare(
  key: Key,
  kind: "version" | "createRevision" | "modRevision" | "lease",
  relation: Relation,
  number: number,
  end?: Key,
): Compare {
  return { key, end, subtree: false, relation, target: { kind, number } };
}

export function compareValue(key: Key, relation: Relation, value: string, end?: Key): Compare {
  return { key, end, subtree: false, relation, target: { kind: "value", value: bytes(value) } };
}

/** The compare of a key as one of the key and its subtree. */
export function subtreeOf(compare: Compare): Compare {
  return { ...compare, subtree: true };
}

/** A generator of numbers in [0, 1) that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
