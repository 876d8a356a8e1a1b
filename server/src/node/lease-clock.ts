/** What the clock needs to know of a lease. */
export interface TimedLease {
  readonly id: number;
  readonly ttlMs: number;
}

interface Timer {
  readonly ttlMs: number;
  deadlineMs: number;
  /** An expiry was proposed, and may be in the log: whether it takes effect only the log can tell. */
  expiring: boolean;
  /** The proposal to expire it is under way. */
  proposed: boolean;
}

/** Leases in one expiry command. */
const EXPIRE_LEASES_MAX = 1_000;

/**
 * The leader's view of when leases run out, on its monotonic clock; no other node has one. A lease never ends before
 * its TTL has passed since its last renewal: a new leader gives every lease its full time, and a leader that stood
 * still first reads the keepalives that piled up meanwhile.
 */
export class LeaseClock {
  private timers = new Map<number, Timer>();
  private running = false;
  private leaderTerm = 0;
  private lastTickMs = 0;
  private readonly stallMs: number;

  /** Two ticks further apart than `stallMs` mean that the process stood still. */
  constructor(stallMs: number) {
    this.stallMs = stallMs;
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** The term of the leadership that the clock was started in: what it sees run out counts in that term only. */
  get term(): number {
    return this.leaderTerm;
  }

  /** This node now leads in `term` and has applied all of its predecessors' entries. */
  start(leases: Iterable<TimedLease>, nowMs: number, term: number): void {
    this.timers = new Map();
    this.running = true;
    this.leaderTerm = term;
    this.lastTickMs = nowMs;
    for (const lease of leases) this.granted(lease, nowMs);
  }

  stop(): void {
    this.running = false;
    this.timers = new Map();
  }

  granted(lease: TimedLease, nowMs: number): void {
    if (!this.running) return;
    this.timers.set(lease.id, {
      ttlMs: lease.ttlMs,
      deadlineMs: nowMs + lease.ttlMs,
      expiring: false,
      proposed: false,
    });
  }

  ended(id: number): void {
    this.timers.delete(id);
  }

  /** Gives the lease its full time. Returns its TTL in milliseconds, or 0 when it is gone or about to be. */
  renew(id: number, nowMs: number): number {
    const timer = this.timers.get(id);
    if (timer === undefined || timer.expiring) return 0;
    timer.deadlineMs = nowMs + timer.ttlMs;
    return timer.ttlMs;
  }

  /** Milliseconds the lease still has, 0 when it is gone. */
  remaining(id: number, nowMs: number): number {
    const timer = this.timers.get(id);
    return timer === undefined ? 0 : Math.max(1, Math.ceil(timer.deadlineMs - nowMs));
  }

  /** Leases whose time is up and whose expiry should be proposed now; each is named once. */
  tick(nowMs: number): number[] {
    if (!this.running) return [];
    const stalled = nowMs - this.lastTickMs > this.stallMs;
    this.lastTickMs = nowMs;
    if (stalled) return [];
    const due: number[] = [];
    for (const [id, timer] of this.timers) {
      if (timer.deadlineMs > nowMs || timer.proposed) continue;
      timer.expiring = true;
      timer.proposed = true;
      due.push(id);
      if (due.length >= EXPIRE_LEASES_MAX) break;
    }
    return due;
  }

  /**
   * The proposal to expire these came to nothing, or to nothing known: they are due again. Only what certainly is not in
   * the log lets a lease be renewed: an answered keepalive must not be followed by an expiry from before it.
   */
  retry(ids: readonly number[], certainlyNothing: boolean): void {
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer === undefined) continue;
      timer.proposed = false;
      if (certainlyNothing) timer.expiring = false;
    }
  }
}
