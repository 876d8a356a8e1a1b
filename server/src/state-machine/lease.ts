import type { Grant } from "./command.js";
import { Digest, leaseTag, resultTag, type StateHash } from "./hash.js";
import { invariant } from "./invariant.js";
import type { Key } from "./key.js";
import { type LeaseBounds, leaseIdMax } from "./limits.js";
import { refuse } from "./refusal.js";
import type { ErrorResult, Result } from "./result.js";
import { feedResult } from "./result-digest.js";
import { Session } from "./session.js";
import type { LeaseImage } from "./state-image.js";
import type { StepBudget } from "./step-budget.js";

/** What the rest of the server may know of a lease. */
export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  /** What the next leader gives it, in milliseconds; 0 for its full TTL. */
  readonly remainingMs: number;
  /** Whether it is a session. */
  readonly isSession: boolean;
  readonly keyCount: number;
  /** The keys that live on it, in no order. */
  keys(): Iterable<Key>;
}

/** A lease. Its time is not kept here: the leader keeps it, and proposes its end. */
export class Lease implements LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  /** Index of the log entry that granted it. */
  readonly grantedIndex: number;
  /** The session it is as well. */
  readonly session: Session | undefined;
  remainingMs = 0;
  /** Made with the first key: most sessions have none. */
  attached: Set<Key> | undefined = undefined;
  /** Whether it differs from what the disk was last told. */
  dirty = false;
  /** Its share in the state hash, without the results. */
  hashA = 0;
  hashB = 0;

  constructor(id: number, ttlMs: number, grantedIndex: number, session: Session | undefined) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.grantedIndex = grantedIndex;
    this.session = session;
  }

  get isSession(): boolean {
    return this.session !== undefined;
  }

  get keyCount(): number {
    return this.attached?.size ?? 0;
  }

  keys(): Iterable<Key> {
    return this.attached ?? [];
  }
}

/** All leases, sessions among them, and what the disk has yet to learn of them. */
export class LeaseTable {
  readonly #leases = new Map<number, Lease>();
  readonly #hash: StateHash;
  readonly #bounds: LeaseBounds;
  readonly #digest = new Digest();
  #nextId = 1;
  #dirty: Lease[] = [];
  #removed: number[] = [];
  // Invariant: the sum of the sessions' resultBytes.
  #resultBytes = 0;

  constructor(hash: StateHash, bounds: LeaseBounds) {
    this.#hash = hash;
    this.#bounds = bounds;
  }

  /** The id the next lease gets unless its caller chooses: above every id ever used. */
  get nextId(): number {
    return this.#nextId;
  }

  get size(): number {
    return this.#leases.size;
  }

  get(id: number): Lease | undefined {
    return this.#leases.get(id);
  }

  all(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  /** Whether the sessions together keep as many bytes of results as they may. */
  get isFull(): boolean {
    return this.#resultBytes >= this.#bounds.resultBytesMax;
  }

  /**
   * Creates a lease. INVALID_ARGUMENT for a bad TTL or id, LEASE_EXISTS for an id in use, LEASES_EXCEEDED when there are
   * as many as there may be.
   */
  grant(command: Grant, index: number): Lease | ErrorResult {
    const { ttlMs, lease: wished, session } = command;
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1)
      return refuse("INVALID_ARGUMENT", "the TTL must be at least 1 ms");
    if (wished < 0 || wished > leaseIdMax) {
      return refuse("INVALID_ARGUMENT", `a lease id must be between 1 and ${leaseIdMax}`);
    }
    if (session && wished !== 0) {
      // Were ids of sessions chosen, a dead session's could come back and take its client's old retries for new.
      return refuse("INVALID_ARGUMENT", "the id of a session cannot be chosen");
    }
    const id = wished === 0 ? this.#nextId : wished;
    if (this.#leases.has(id)) return refuse("LEASE_EXISTS", `lease ${id} exists already`);
    const { countMax } = this.#bounds;
    if (this.#leases.size >= countMax) {
      return refuse(
        "LEASES_EXCEEDED",
        `there are ${countMax} leases and sessions, as many as there may be: end those that are not needed, or wait until some expire`,
      );
    }
    const lease = new Lease(id, ttlMs, index, session ? new Session() : undefined);
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#leases.set(id, lease);
    this.#addHash(lease);
    this.#touch(lease);
    return lease;
  }

  /** Forgets a lease, whose keys are gone already. */
  remove(lease: Lease): void {
    invariant(lease.keyCount === 0, `lease ${lease.id} ends with keys on it`);
    this.#leases.delete(lease.id);
    this.#hash.remove(lease.hashA, lease.hashB);
    if (lease.session !== undefined) {
      this.#resultBytes -= lease.session.resultBytes;
      for (const [sequence, result] of lease.session.results) this.#removeResult(lease, sequence, result);
    }
    this.#removed.push(lease.id);
  }

  /** Moves a key from the lease it had to the one it gets; 0 for none. */
  move(key: Key, from: number, to: number): void {
    if (from === to) return;
    if (from !== 0) this.#leases.get(from)?.attached?.delete(key);
    if (to !== 0) this.attach(key, to);
  }

  /** Puts a key on a lease, which exists. */
  attach(key: Key, id: number): void {
    const lease = this.#leases.get(id);
    invariant(lease !== undefined, `lease ${id} of a key does not exist`);
    lease.attached ??= new Set();
    lease.attached.add(key);
  }

  /** Raises a session's lowest pending sequence. */
  acknowledge(lease: Lease, session: Session, lowestPending: number): void {
    if (lowestPending <= session.lowestPending) return;
    this.#resultBytes -= session.resultBytes;
    session.acknowledge(lowestPending, (sequence, result) => this.#removeResult(lease, sequence, result));
    this.#resultBytes += session.resultBytes;
    this.#hash.remove(lease.hashA, lease.hashB);
    this.#addHash(lease);
    this.#touch(lease);
  }

  /** Sets what the next leader gives a lease, 0 for its full TTL. */
  checkpoint(lease: Lease, remainingMs: number): void {
    const kept = remainingMs < lease.ttlMs ? remainingMs : 0;
    if (kept === lease.remainingMs) return;
    lease.remainingMs = kept;
    this.#hash.remove(lease.hashA, lease.hashB);
    this.#addHash(lease);
    this.#touch(lease);
  }

  /** Keeps the result of a session's mutation. */
  keep(lease: Lease, session: Session, sequence: number, result: Result): void {
    this.#resultBytes -= session.resultBytes;
    session.keep(sequence, result);
    this.#resultBytes += session.resultBytes;
    this.#digestResult(lease, sequence, result);
    this.#hash.add(this.#digest.a, this.#digest.b);
    this.#touch(lease);
  }

  /** The records that changed and the ids that ended since the last call. */
  takeDelta(): { changed: LeaseImage[]; removed: number[] } {
    const changed: LeaseImage[] = [];
    for (const lease of this.#dirty) {
      lease.dirty = false;
      if (this.#leases.get(lease.id) === lease) changed.push(imageOf(lease));
    }
    const removed = this.#removed;
    this.#dirty = [];
    this.#removed = [];
    return { changed, removed };
  }

  /** Takes over the leases of an earlier life, in steps. Their keys are attached afterwards. */
  *restoring(images: Iterable<LeaseImage>, nextId: number, budget: StepBudget): Generator<undefined, void> {
    for (const image of images) {
      if (budget.ends(1 + (image.session?.results.length ?? 0))) yield;
      const session = image.session === undefined ? undefined : new Session();
      const lease = new Lease(image.id, image.ttlMs, image.grantedIndex, session);
      lease.remainingMs = image.remainingMs;
      this.#leases.set(lease.id, lease);
      if (session !== undefined && image.session !== undefined) {
        session.restore(image.session.lowestPending, image.session.results);
        this.#resultBytes += session.resultBytes;
        for (const [sequence, result] of session.results) {
          this.#digestResult(lease, sequence, result);
          this.#hash.add(this.#digest.a, this.#digest.b);
        }
      }
      this.#addHash(lease);
    }
    this.#nextId = nextId;
  }

  #touch(lease: Lease): void {
    if (lease.dirty) return;
    lease.dirty = true;
    this.#dirty.push(lease);
  }

  #addHash(lease: Lease): void {
    const digest = this.#digest;
    digest.start(leaseTag);
    digest.number(lease.id);
    digest.number(lease.ttlMs);
    digest.number(lease.grantedIndex);
    digest.number(lease.session === undefined ? 0 : lease.session.lowestPending);
    if (lease.remainingMs > 0) digest.number(lease.remainingMs);
    digest.finish();
    lease.hashA = digest.a;
    lease.hashB = digest.b;
    this.#hash.add(digest.a, digest.b);
  }

  #removeResult(lease: Lease, sequence: number, result: Result): void {
    this.#digestResult(lease, sequence, result);
    this.#hash.remove(this.#digest.a, this.#digest.b);
  }

  #digestResult(lease: Lease, sequence: number, result: Result): void {
    const digest = this.#digest;
    digest.start(resultTag);
    digest.number(lease.id);
    digest.number(sequence);
    feedResult(digest, result);
    digest.finish();
  }
}

function imageOf(lease: Lease): LeaseImage {
  const session = lease.session;
  return {
    id: lease.id,
    ttlMs: lease.ttlMs,
    grantedIndex: lease.grantedIndex,
    remainingMs: lease.remainingMs,
    session:
      session === undefined
        ? undefined
        : { lowestPending: session.lowestPending, results: [...session.results] },
  };
}
