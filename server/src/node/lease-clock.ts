import { bounds } from "../config.js";
import { type Queued, TimerQueue } from "./timer-queue.js";

/** What the clock needs to know of a lease. */
export interface TimedLease {
  readonly id: number;
  readonly ttlMs: number;
  /** What the log says that it has left, in milliseconds; 0 for its full TTL. */
  readonly remainingMs: number;
  /** Keys that end with it. */
  readonly keyCount: number;
}

/** What should be proposed now. */
export interface DueLeases {
  /** Leases whose time is up. Each is named once, until `expirySettled`. */
  readonly expired: readonly number[];
  /** Leases nobody has renewed for a while, with what they have left. */
  readonly unrenewed: readonly { readonly id: number; readonly remainingMs: number }[];
}

/** A look at a lease that is due; `dueMs` may be too early, since a renewal does not touch it. */
interface Look extends Queued {
  readonly timer: Timer;
}

interface Timer {
  readonly lease: TimedLease;
  /** Since when it has not been renewed, in this leadership. */
  sinceMs: number;
  deadlineMs: number;
  /** When the log is next told what it has left; never, for one that was granted or renewed in this leadership. */
  checkpointMs: number;
  expiry: Expiry;
  /** The log may say that it has less than its TTL left: a renewal must first unsay that in the log. */
  checkpointed: boolean;
  /** Proposals to unsay it that are under way. */
  resets: number;
  /** Renewals that came in and wait for leadership to be confirmed. */
  renewals: number;
  /** When the first of them came in. */
  renewingSinceMs: number;
  looks: readonly [expiry: Look, checkpoint: Look] | undefined;
}

/**
 * What became of the proposals of this leadership to end a lease. `proposed`: one is under way. `lost`: of one nobody
 * knows what became of it, and the refusal of a later one says nothing of it. Of both only the log can tell whether they
 * take effect.
 */
type Expiry = "none" | "proposed" | "lost";

/** How a proposal about leases ended; `unknown`: it may be in the log, and be applied later. */
export type Settlement = "applied" | "refused" | "unknown";

const NOTHING_DUE: DueLeases = { expired: [], unrenewed: [] };

/**
 * The leader's view of when leases run out, on its monotonic clock; no other node has one. It looks only at leases that
 * may be due: a renewal moves its deadline and leaves it where it is in the queue.
 *
 * Invariant: no lease ends while a renewal of it is under way that this leader has read, but for one that is not confirmed
 * within the time after which reads are given up: that holds an end back no longer, however many more of them come.
 *
 * Invariant: a lease never ends before its TTL has passed since its last answered renewal was sent. A leader that stood
 * still first reads the keepalives that piled up meanwhile. A new leader does not know of its predecessor's renewals: it
 * gives a lease its full time, unless the log has a checkpoint that says what is left, which it has of a lease that was
 * given its full time by an earlier new leader and was not renewed since. That is safe since a leader renews a lease with
 * a checkpoint only by an entry that takes it back, and answers once that is applied; and it never proposes a checkpoint
 * while such an entry is under way.
 *
 * Invariant: a lease nobody renews ends, however often leaders change: each one that leads for
 * `bounds.leaseCheckpointFirstMs` or longer takes at least half of its time in office from it.
 */
export class LeaseClock {
  private timers = new Map<number, Timer>();
  private expiries = new TimerQueue<Look>();
  private checkpoints = new TimerQueue<Look>();
  private running = false;
  private leaderTerm = 0;
  private lastTickMs = 0;
  private expiryUnderWay = false;
  private checkpointUnderWay = false;
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
    this.clear();
    this.running = true;
    this.leaderTerm = term;
    this.lastTickMs = nowMs;
    for (const lease of leases) this.takeOver(lease, nowMs);
  }

  stop(): void {
    this.running = false;
    this.clear();
  }

  private clear(): void {
    this.timers = new Map();
    this.expiries = new TimerQueue();
    this.checkpoints = new TimerQueue();
    this.expiryUnderWay = false;
    this.checkpointUnderWay = false;
  }

  /** Whether anybody renews it is not known: until somebody does, the log is told what is left. */
  private takeOver(lease: TimedLease, nowMs: number): void {
    const { ttlMs, remainingMs } = lease;
    const timeMs = remainingMs === 0 ? ttlMs : Math.min(ttlMs, remainingMs);
    this.add(lease, nowMs, timeMs, Math.min(ttlMs / 2, bounds.leaseCheckpointFirstMs));
  }

  granted(lease: TimedLease, nowMs: number): void {
    if (this.running) this.add(lease, nowMs, lease.ttlMs, Number.POSITIVE_INFINITY);
  }

  private add(lease: TimedLease, sinceMs: number, timeMs: number, checkpointAfterMs: number): void {
    this.ended(lease.id);
    const timer: Timer = {
      lease,
      sinceMs,
      deadlineMs: sinceMs + timeMs,
      checkpointMs: sinceMs + checkpointAfterMs,
      expiry: "none",
      checkpointed: lease.remainingMs > 0,
      resets: 0,
      renewals: 0,
      renewingSinceMs: 0,
      looks: undefined,
    };
    const expiry: Look = { timer, dueMs: timer.deadlineMs, at: -1 };
    const checkpoint: Look = { timer, dueMs: timer.checkpointMs, at: -1 };
    timer.looks = [expiry, checkpoint];
    this.timers.set(lease.id, timer);
    this.expiries.push(expiry);
    if (checkpointAfterMs < Number.POSITIVE_INFINITY) this.checkpoints.push(checkpoint);
  }

  ended(id: number): void {
    const timer = this.timers.get(id);
    if (timer?.looks === undefined) return;
    this.timers.delete(id);
    const [expiry, checkpoint] = timer.looks;
    this.expiries.remove(expiry);
    this.checkpoints.remove(checkpoint);
  }

  /** Those of the leases that only an entry in the log can renew, since it has a checkpoint of them. */
  checkpointed(ids: readonly number[]): number[] {
    return ids.filter((id) => this.timers.get(id)?.checkpointed === true);
  }

  /** Renewals came in; they count only once leadership was confirmed after that. */
  renewalBegins(ids: readonly number[], nowMs: number): void {
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer === undefined) continue;
      if (timer.renewals === 0) timer.renewingSinceMs = nowMs;
      timer.renewals += 1;
    }
  }

  /** They were confirmed in the leadership of `term`, or failed. */
  renewalEnded(ids: readonly number[], term: number): void {
    if (term !== this.leaderTerm) return;
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer !== undefined && timer.renewals > 0) timer.renewals -= 1;
    }
  }

  /** An entry that takes checkpoints back is about to be proposed. */
  resetBegins(ids: readonly number[]): void {
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer !== undefined) timer.resets += 1;
    }
  }

  /** It was applied, or came to nothing as far as is known. */
  resetEnded(ids: readonly number[], term: number, applied: boolean): void {
    if (term !== this.leaderTerm) return;
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer === undefined || timer.resets === 0) continue;
      timer.resets -= 1;
      if (applied) timer.checkpointed = false;
    }
  }

  /** Whether one of the leases may be about to end: its expiry may take effect, or be lost with this leader. */
  undecided(ids: readonly number[]): boolean {
    return ids.some((id) => (this.timers.get(id)?.expiry ?? "none") !== "none");
  }

  /**
   * Gives the leases their full time. Returns the TTL of each in milliseconds, 0 for one that is gone; nothing when one
   * of them is undecided, since neither that it lives nor that it is gone could be answered: the others live on for it.
   * Of a lease with a checkpoint the renewal counts for this leadership only: it must not be answered before that is
   * taken back.
   */
  renew(ids: readonly number[], nowMs: number): number[] | undefined {
    const ttlsMs = ids.map((id) => {
      const timer = this.timers.get(id);
      if (timer === undefined) return 0;
      const { ttlMs } = timer.lease;
      if (timer.expiry !== "none") return ttlMs;
      timer.sinceMs = nowMs;
      timer.deadlineMs = nowMs + ttlMs;
      // The next leader is to give it its full time, once.
      timer.checkpointMs = Number.POSITIVE_INFINITY;
      return ttlMs;
    });
    return this.undecided(ids) ? undefined : ttlsMs;
  }

  /** Milliseconds the lease still has, 0 when it is gone. */
  remaining(id: number, nowMs: number): number {
    const timer = this.timers.get(id);
    return timer === undefined ? 0 : Math.max(1, Math.ceil(timer.deadlineMs - nowMs));
  }

  /**
   * What should be proposed now, within bounds: more comes with later ticks, and only once the expiries and checkpoints
   * handed out before are settled. Without `checkpoints` it hands out none. A renewal under way keeps a lease from ending
   * for `heldMsMax` at most, in milliseconds after its deadline, or after the first renewal under way came in.
   */
  tick(nowMs: number, checkpoints: boolean, heldMsMax: number): DueLeases {
    if (!this.running) return NOTHING_DUE;
    const stalled = nowMs - this.lastTickMs > this.stallMs;
    this.lastTickMs = nowMs;
    if (stalled) return NOTHING_DUE;
    const due = new DueBatch();
    if (!this.expiryUnderWay) this.lookForExpired(nowMs, due, heldMsMax);
    if (checkpoints && !this.checkpointUnderWay) this.lookForUnrenewed(nowMs, due);
    if (due.expired.length > 0) this.expiryUnderWay = true;
    if (due.unrenewed.length > 0) this.checkpointUnderWay = true;
    return due;
  }

  private lookForExpired(nowMs: number, due: DueBatch, heldMsMax: number): void {
    for (let looks = 0; looks < bounds.leaseLooksMax; looks++) {
      const look = this.expiries.first;
      if (look === undefined || look.dueMs > nowMs) return;
      const { timer } = look;
      if (timer.deadlineMs > nowMs) {
        this.lookAgain(this.expiries, look, timer.deadlineMs);
        continue;
      }
      const heldUntilMs = Math.max(timer.deadlineMs, timer.renewingSinceMs) + heldMsMax;
      const isHeld = timer.renewals > 0 && nowMs < heldUntilMs;
      if (isHeld || timer.resets > 0) {
        // A keepalive came in time, and waits for its confirmation or for the log.
        this.lookAgain(this.expiries, look, nowMs + 1);
        continue;
      }
      if (!due.expire(timer.lease)) return;
      if (timer.expiry === "none") timer.expiry = "proposed";
      this.expiries.remove(look);
    }
  }

  private lookForUnrenewed(nowMs: number, due: DueBatch): void {
    for (let looks = 0; looks < bounds.leaseLooksMax; looks++) {
      const look = this.checkpoints.first;
      if (look === undefined || look.dueMs > nowMs) return;
      const { timer } = look;
      if (timer.checkpointMs === Number.POSITIVE_INFINITY) {
        this.checkpoints.remove(look);
        continue;
      }
      if (timer.checkpointMs <= nowMs) {
        if (due.unrenewed.length >= bounds.leaseBatchMax) return;
        const remainingMs = Math.ceil(timer.deadlineMs - nowMs);
        if (timer.resets === 0 && timer.expiry === "none" && remainingMs > 0) {
          timer.checkpointed = true;
          due.unrenewed.push({ id: timer.lease.id, remainingMs });
        }
        // When the time without a renewal has doubled: so few that they cost little, so many that at most half is lost.
        timer.checkpointMs = 2 * nowMs - timer.sinceMs;
      }
      this.lookAgain(this.checkpoints, look, timer.checkpointMs);
    }
  }

  private lookAgain(queue: TimerQueue<Look>, look: Look, dueMs: number): void {
    queue.remove(look);
    look.dueMs = dueMs;
    queue.push(look);
  }

  /**
   * The proposal to expire these came to an end: those that live are due again. Only when no such proposal of this
   * leadership can be in the log any more can they be renewed: an answered keepalive must not be followed by an expiry
   * from before it. One that was applied has left all before it behind, since a leader proposes in the log's order.
   */
  expirySettled(ids: readonly number[], term: number, settlement: Settlement): void {
    if (term !== this.leaderTerm) return;
    this.expiryUnderWay = false;
    for (const id of ids) {
      const timer = this.timers.get(id);
      if (timer?.looks === undefined || timer.expiry === "none") continue;
      if (settlement === "unknown") timer.expiry = "lost";
      else if (settlement === "applied" || timer.expiry === "proposed") timer.expiry = "none";
      this.lookAgain(this.expiries, timer.looks[0], timer.deadlineMs);
    }
  }

  /** The proposal of checkpoints was applied or refused, or is lost. */
  checkpointSettled(term: number): void {
    if (term === this.leaderTerm) this.checkpointUnderWay = false;
  }
}

/** What one tick hands out. */
class DueBatch implements DueLeases {
  readonly expired: number[] = [];
  readonly unrenewed: { readonly id: number; readonly remainingMs: number }[] = [];
  private keys = 0;

  /** Adds a lease, of which one at least has room however many keys it has: they go together. */
  expire({ id, keyCount }: TimedLease): boolean {
    const full =
      this.expired.length >= bounds.leaseBatchMax || this.keys + keyCount > bounds.leaseBatchKeysMax;
    if (full && this.expired.length > 0) return false;
    this.expired.push(id);
    this.keys += keyCount;
    return true;
  }
}
