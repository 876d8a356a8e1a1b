import type { LogEntry } from "../../../server/src/raft/index.js";
import type { Applied } from "../../../server/src/state-machine/index.js";
import type { ClientEvent } from "../observation.js";
import type { CommandEffect } from "./command-effect.js";
import type { ElectionSafety } from "./election-safety.js";
import { LeaseOwners } from "./lease-owners.js";
import { LogRenewals } from "./lease-renewals.js";
import { violated } from "./violation.js";

/** How well clocks keep time, and how long the end of a lease may take. */
export interface LeaseBounds {
  /** How much faster or slower than true time a healthy node's clock may run, as a fraction. */
  readonly clockDriftMax: number;
  /**
   * How long after twice its TTL, in milliseconds of true time, a lease that nobody keeps alive may live on in a healed
   * cluster: some elections. Twice, because a new leader gives it its full time again, or takes at least half of its time
   * in office from what is left.
   */
  readonly leaseLateMsMax: number;
  /**
   * Whether every lease that a client keeps alive is owed its life: all the time some node of a majority could be
   * reached, and no more than one node at a time could not.
   */
  readonly leasesKept: boolean;
  /** Milliseconds after which another node is made the leader of the healed cluster; 0 when one leads for good. */
  readonly leadershipMs: number;
}

/** How far rounding may move a deadline, in milliseconds: TTLs and what is left of them are whole ones. */
const roundingMs = 1;

/** How late a client's timers may be, and how coarse, in milliseconds. */
const timerMsMax = 5;

/** How long after the time by its own clock a client is told that it lost a lease, in milliseconds: some timers' turns. */
const toldMsMax = 1_000;

interface Life {
  readonly id: number;
  readonly ttlMs: number;
  readonly session: boolean;
  readonly grantedIndex: number;
  readonly grantedMs: number;
  /** When the latest keepalive that was answered well had been sent. */
  renewedMs: number;
  /** What leaders of terms after `checkpoint.term` give it, and what those of that term or before it gave it. */
  checkpoint: { readonly term: number; readonly remainingMs: number; readonly beforeMs: number };
  end: { readonly kind: "expired" | "revoked"; readonly trueMs: number } | undefined;
}

type LeaseEvent = Extract<ClientEvent, { lease: number }>;

/**
 * LEASE: a lease ends by a revocation, or by an expiry that the leader of the entry's own term proposed, no earlier
 * than its TTL after it was granted, after the last answered keepalive was sent and after an entry renewed it; and no
 * earlier than its TTL, or what the log says that it had left, after that leader took office. No keepalive sent after
 * its end is answered well, and none before it as if it were over or had more than its TTL. Where at most one node at a
 * time fails, and that by hanging, none expires that its client keeps alive. A lease that nobody keeps alive is over in
 * time, however often leaders change, and a client whose lease expired is told.
 */
export class LeaseTimes {
  readonly #bounds: LeaseBounds;
  readonly #elections: ElectionSafety;
  readonly #lives = new Map<number, Life>();
  readonly #alive = new Set<number>();
  readonly #owners = new LeaseOwners();
  readonly #renewals = new LogRenewals();
  // Of the entry being applied.
  #ended: number[] = [];
  #expired = 0;
  #checkpoints = 0;
  #sharedKeepalives = 0;

  constructor(bounds: LeaseBounds, elections: ElectionSafety) {
    this.#bounds = bounds;
    this.#elections = elections;
  }

  /** How many leases ran out. */
  get expired(): number {
    return this.#expired;
  }

  /** How often the log was told that a lease has less than its TTL left. */
  get checkpoints(): number {
    return this.#checkpoints;
  }

  /** How many leases were renewed by an entry. */
  get renewedInLog(): number {
    return this.#renewals.count;
  }

  /** How many of them would have been over by the time at which that entry was applied. */
  get renewedOverdue(): number {
    return this.#renewals.overdue;
  }

  /** How many leases were renewed by a keepalive of several. */
  get renewedTogether(): number {
    return this.#sharedKeepalives;
  }

  /** Whether a lease exists, as of the last command. */
  alive(id: number): boolean {
    return this.#alive.has(id);
  }

  /** Whether it exists and is a session. */
  sessionAlive(id: number): boolean {
    return this.#alive.has(id) && this.#lives.get(id)?.session === true;
  }

  /** A command of the entry was applied for the first time. */
  applied({ command, result }: CommandEffect, entry: LogEntry, trueMs: number): void {
    if (result.kind === "error") return;
    const { body } = command;
    switch (body.kind) {
      case "grant":
        if (result.kind === "grant")
          this.#grant(result.lease, result.ttlMs, body.session, entry.index, trueMs);
        return;
      case "revoke":
        if (this.#alive.has(body.lease)) this.#end(body.lease, "revoked", trueMs);
        return;
      case "expire":
        // In another term it is void; what ends nevertheless shows when the entry is done.
        if (body.term !== entry.term) return;
        for (const id of body.leases) {
          const life = this.#lives.get(id);
          if (life === undefined || life.end !== undefined || life.grantedIndex > body.asOfIndex) continue;
          this.#checkDue(life, entry.term, trueMs);
          this.#checkLetGo(life, trueMs);
          this.#end(id, "expired", trueMs);
        }
        return;
      case "checkpoint":
        if (body.term !== entry.term) return;
        for (const { id, remainingMs } of body.leases) {
          const life = this.#lives.get(id);
          if (life === undefined || life.end !== undefined || life.grantedIndex > body.asOfIndex) continue;
          if (remainingMs === 0) this.#renewals.applied(id, this.#mayEndMs(life, entry.term), trueMs);
          this.#checkpoint(life, entry.term, remainingMs === 0 ? life.ttlMs : remainingMs);
        }
        return;
      default:
        return;
    }
  }

  /** The entry is done: exactly the leases that its commands may end have ended. */
  settle(entry: LogEntry, { leasesEnded }: Applied): void {
    const ended = this.#ended;
    this.#ended = [];
    if (ended.length === leasesEnded.length && ended.every((id, at) => id === leasesEnded[at])) return;
    violated("LEASE", `entry ${entry.index} ended leases that it may not, or not those that it must`, {
      index: entry.index,
      term: entry.term,
      expected: ended,
      ended: leasesEnded,
    });
  }

  event(event: LeaseEvent): void {
    const life = this.#lives.get(event.lease);
    if (life === undefined) {
      violated("LEASE", `client ${event.client} knows of lease ${event.lease}, which was never granted`, {
        ...event,
      });
    }
    this.#owners.event(event);
    switch (event.kind) {
      case "keepaliveAnswered":
        if (event.leases > 1 && event.ttlMs > 0) this.#sharedKeepalives += 1;
        this.#answered(life, event.sentMs, event.ttlMs, event.trueMs);
        return;
      case "leaseRevoked":
        if (life.end === undefined)
          violated("LEASE", `lease ${life.id} was revoked and lives on`, { ...event });
        return;
      case "leaseLost":
        this.#checkToldInTime(life, event.trueMs);
        return;
      case "leaseGranted":
      case "leaseLetGo":
        return;
    }
  }

  /** A client holds a lease, or its session. */
  owns(client: string, lease: number, trueMs: number): void {
    this.#owners.holds(client, lease, trueMs);
  }

  /** A client runs again after a pause. */
  clientResumed(client: string, trueMs: number): void {
    this.#owners.resumed(client, trueMs);
  }

  /** A client is gone or closed, and keeps nothing alive any more. */
  clientEnded(client: string, trueMs: number): void {
    this.#owners.ended(client, trueMs);
  }

  /** The leases that nobody keeps alive and that live on in a healed cluster. None of them may do so for ever. */
  ownerless(healedMs: number, trueMs: number): number[] {
    const { clockDriftMax, leaseLateMsMax, leadershipMs } = this.#bounds;
    const lingering: number[] = [];
    for (const id of this.#alive) {
      const life = this.#lives.get(id);
      const sinceMs = this.#owners.ownerlessSinceMs(id);
      if (life === undefined || sinceMs === undefined) continue;
      lingering.push(id);
      const fromMs = Math.max(sinceMs, healedMs, life.grantedMs);
      // The leader of the moment may have renewed it, and the last one takes nothing before it has led for a while.
      const latestMs = fromMs + 2 * life.ttlMs * (1 + clockDriftMax) + 2 * leadershipMs + leaseLateMsMax;
      if (trueMs <= latestMs) continue;
      violated("LEASE", `lease ${id}, which nobody keeps alive, lives on`, {
        ...life,
        sinceMs,
        latestMs,
        trueMs,
      });
    }
    return lingering;
  }

  /** At the end: no lease lives on that must be over, and whoever lost one was told so by its own clock or a server. */
  checkEnded(healedMs: number, trueMs: number): void {
    this.ownerless(healedMs, trueMs);
    const { clockDriftMax } = this.#bounds;
    for (const { id, ttlMs, end } of this.#lives.values()) {
      const client = this.#owners.unaware(id);
      if (end?.kind !== "expired" || client === undefined) continue;
      // The client's clock says so a TTL after its last answered keepalive, or the next keepalive is answered so.
      const latestMs = Math.max(end.trueMs, healedMs) + ttlMs * (1 + clockDriftMax) + toldMsMax;
      if (trueMs <= latestMs) continue;
      violated("LEASE", `lease ${id} of ${client} expired, and its client was never told`, {
        lease: id,
        client,
        end,
        latestMs,
        trueMs,
      });
    }
  }

  #grant(id: number, ttlMs: number, session: boolean, grantedIndex: number, trueMs: number): void {
    const checkpoint = { term: 0, remainingMs: ttlMs, beforeMs: ttlMs };
    const life = {
      id,
      ttlMs,
      session,
      grantedIndex,
      grantedMs: trueMs,
      renewedMs: 0,
      checkpoint,
      end: undefined,
    };
    this.#lives.set(id, life);
    this.#alive.add(id);
  }

  #end(id: number, kind: "expired" | "revoked", trueMs: number): void {
    const life = this.#lives.get(id);
    if (life !== undefined) life.end = { kind, trueMs };
    this.#alive.delete(id);
    this.#ended.push(id);
    if (kind === "expired") this.#expired += 1;
  }

  #checkpoint(life: Life, term: number, remainingMs: number): void {
    const before = life.checkpoint;
    const beforeMs = before.term < term ? before.remainingMs : before.beforeMs;
    life.checkpoint = { term, remainingMs, beforeMs };
    if (remainingMs < life.ttlMs) this.#checkpoints += 1;
  }

  #checkDue(life: Life, term: number, trueMs: number): void {
    const mayEndMs = this.#mayEndMs(life, term);
    if (trueMs >= mayEndMs) return;
    const fromMs = Math.max(life.grantedMs, life.renewedMs);
    violated("LEASE", `lease ${life.id} expired after ${trueMs - fromMs} of ${life.ttlMs} ms`, {
      ...life,
      term,
      leaderSinceMs: this.#elections.leaderOf(term)?.sinceMs ?? 0,
      renewedInLogMs: this.#renewals.lastMs(life.id),
      mayEndMs,
      trueMs,
    });
  }

  #checkLetGo({ id, ttlMs, renewedMs, grantedMs }: Life, trueMs: number): void {
    const client = this.#owners.keeper(id);
    if (!this.#bounds.leasesKept || client === undefined) return;
    violated("LEASE", `lease ${id} expired, which ${client} kept alive and could reach a majority for`, {
      lease: id,
      ttlMs,
      grantedMs,
      renewedMs,
      trueMs,
    });
  }

  /** The earliest moment of true time at which the leader of a term may end a lease, as far as is known of renewals. */
  #mayEndMs({ id, ttlMs, grantedMs, renewedMs, checkpoint }: Life, term: number): number {
    const leaderSinceMs = this.#elections.leaderOf(term)?.sinceMs ?? 0;
    const givenMs = checkpoint.term < term ? checkpoint.remainingMs : checkpoint.beforeMs;
    const fromMs = Math.max(grantedMs, renewedMs, this.#renewals.lastMs(id));
    return Math.max(this.#dueMs(ttlMs, fromMs), this.#dueMs(givenMs, leaderSinceMs));
  }

  /** A client that was not paused knows by its own clock that its lease may be over when it is, but for the clocks' drift. */
  #checkToldInTime({ id, ttlMs, end }: Life, trueMs: number): void {
    if (end?.kind !== "expired") return;
    const { clockDriftMax } = this.#bounds;
    const driftMs = ttlMs / (1 - clockDriftMax) - ttlMs / (1 + clockDriftMax);
    const latestMs = Math.max(end.trueMs + driftMs, this.#owners.attentiveSinceMs(id)) + timerMsMax;
    if (trueMs <= latestMs) return;
    violated("LEASE", `lease ${id} expired, and its client was told ${trueMs - end.trueMs} ms later`, {
      lease: id,
      ttlMs,
      end,
      latestMs,
      trueMs,
    });
  }

  #answered(life: Life, sentMs: number, ttlMs: number, trueMs: number): void {
    if (ttlMs > life.ttlMs) {
      violated("LEASE", `a keepalive of lease ${life.id} was answered with ${ttlMs} of ${life.ttlMs} ms`, {
        ...life,
        sentMs,
        ttlMs,
      });
    }
    if (ttlMs > 0) return this.#renewed(life, sentMs);
    // Not before its end is applied: a leader that has proposed the expiry may fail to get it committed.
    if (life.end !== undefined) return;
    violated("LEASE", `a keepalive of lease ${life.id} was answered as if it were over, and it is not`, {
      ...life,
      sentMs,
      trueMs,
    });
  }

  #renewed(life: Life, sentMs: number): void {
    const { end } = life;
    if (end !== undefined && sentMs > end.trueMs) {
      violated("LEASE", `a keepalive of lease ${life.id} was answered well after the lease had ${end.kind}`, {
        ...life,
        sentMs,
      });
    }
    if (end?.kind === "expired" && end.trueMs < this.#dueMs(life.ttlMs, sentMs)) {
      violated("LEASE", `lease ${life.id} expired ${end.trueMs - sentMs} ms after an answered keepalive`, {
        ...life,
        sentMs,
      });
    }
    life.renewedMs = Math.max(life.renewedMs, sentMs);
  }

  /** The earliest moment of true time at which a time may be over, on the fastest clock. */
  #dueMs(timeMs: number, fromMs: number): number {
    return fromMs + timeMs / (1 + this.#bounds.clockDriftMax) - roundingMs;
  }
}
