import type {
  LeaseImage,
  Limits,
  Quota,
  SetMember,
  StateDelta,
  StateMeta,
} from "../../../server/src/state-machine/index.js";
import { ChangeTable } from "./change-table.js";
import { DiskFailure, type Durability } from "./disk-faults.js";
import { decodeState, encodeState, type StateContent } from "./state-bytes.js";

interface Tables {
  readonly changes: ChangeTable;
  readonly leases: Map<number, LeaseImage>;
  members: readonly SetMember[];
  quotas: readonly Quota[];
  limits: Limits | undefined;
  historyId: string | undefined;
  meta: StateMeta | undefined;
}

const empty: StateContent = {
  meta: undefined,
  changes: [],
  leases: [],
  members: [],
  quotas: [],
  limits: undefined,
  historyId: undefined,
};

/** The tables of state.db. A transaction is atomic; one that is not durable waits until a later one is. */
export class StateDatabase {
  /** Whether a page of it is damaged. */
  rotten = false;
  #tables: Tables;
  // The tables before each transaction that is not durable. Rare, and the states are small: whole copies will do.
  #before: Tables[] = [];
  #givenUp = false;

  constructor(content: StateContent = empty) {
    this.#tables = {
      changes: new ChangeTable(content.changes),
      leases: new Map(content.leases.map((lease) => [lease.id, lease])),
      members: content.members,
      quotas: content.quotas,
      limits: content.limits,
      historyId: content.historyId,
      meta: content.meta,
    };
  }

  /** The state in these bytes; undefined when they are none. */
  static decode(bytes: Uint8Array): StateDatabase | undefined {
    const content = decodeState(bytes);
    return content === undefined ? undefined : new StateDatabase(content);
  }

  encode(): Uint8Array {
    return encodeState({
      meta: this.meta,
      changes: [...this.changes.all()],
      leases: this.leases(),
      members: this.members,
      quotas: this.quotas,
      limits: this.limits,
      historyId: this.historyId,
    });
  }

  get meta(): StateMeta | undefined {
    return this.#tables.meta;
  }

  get changes(): ChangeTable {
    return this.#tables.changes;
  }

  /** In the order of their ids. */
  leases(): LeaseImage[] {
    return [...this.#tables.leases.values()].sort((left, right) => left.id - right.id);
  }

  /** In the order of their ids. */
  get members(): readonly SetMember[] {
    return this.#tables.members;
  }

  /** In the order of their keys. */
  get quotas(): readonly Quota[] {
    return this.#tables.quotas;
  }

  get limits(): Limits | undefined {
    return this.#tables.limits;
  }

  get historyId(): string | undefined {
    return this.#tables.historyId;
  }

  /** Whether everything written is durable. */
  get settled(): boolean {
    return this.#before.length === 0;
  }

  write(delta: StateDelta, durability: Durability): void {
    const first = delta.changes[0];
    if (first !== undefined && first.seq <= this.changes.lastSeq) {
      throw new DiskFailure("SQLITE_CONSTRAINT_PRIMARYKEY", "UNIQUE constraint failed: change.seq");
    }
    if (durability === "durable" && !this.#givenUp) this.#before = [];
    else this.#before.push(copyOf(this.#tables));
    if (durability === "failed") this.#givenUp = true;
    apply(this.#tables, delta);
  }

  /** A checkpoint copies everything from the write-ahead log into the database and syncs that: all is durable. */
  checkpoint(): void {
    this.#givenUp = false;
    this.#before = [];
  }

  /** Goes back to what is durable and a prefix of the transactions since. Returns how many were lost. */
  losePower(survivors: (count: number) => number): number {
    const count = this.#before.length;
    const kept = this.#givenUp || count === 0 ? 0 : survivors(count);
    this.#tables = this.#before[kept] ?? this.#tables;
    this.checkpoint();
    return count - kept;
  }
}

function copyOf(tables: Tables): Tables {
  return { ...tables, changes: tables.changes.copy(), leases: new Map(tables.leases) };
}

function apply(tables: Tables, delta: StateDelta): void {
  for (const { seq, revision, key, entry } of delta.changes) {
    tables.changes.append({ seq, revision, key, entry, previous: undefined });
  }
  for (const seq of delta.forgotten) tables.changes.delete(seq);
  for (const id of delta.leasesRemoved) tables.leases.delete(id);
  for (const lease of delta.leases) tables.leases.set(lease.id, lease);
  if (delta.members !== undefined) {
    tables.members = [...delta.members].sort((left, right) => left.memberId - right.memberId);
  }
  tables.quotas = delta.quotas ?? tables.quotas;
  tables.limits = delta.limits ?? tables.limits;
  tables.historyId = delta.historyId ?? tables.historyId;
  tables.meta = delta.meta;
}
