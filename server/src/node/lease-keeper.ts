import type { PeerMessage } from "@quorate/proto";
import type { Logger } from "pino";
import type { Applied, Expire, StateMachine } from "../state-machine/index.js";
import { type Failure, noQuorum, stopping } from "./failure.js";
import { LeaseClock } from "./lease-clock.js";
import type { Fresh } from "./reads.js";
import { Renewals, type Renewed } from "./renewals.js";

type Message = Extract<PeerMessage["message"], { case: "renewLeases" | "renewLeasesResult" }>;

/** What the keeper needs of its node. */
export interface LeaseSurroundings {
  readonly self: number;
  readonly leader: number;
  readonly term: number;
  readonly machine: StateMachine;
  read(fresh: Fresh): void;
  sendLeaseMessage(to: number, message: LeaseMessage): void;
  /** Proposes that leases end; `failed` is called when that came to nothing: `certainly`, or as far as anybody knows. */
  proposeExpiry(expiry: Omit<Expire, "kind">, failed: (certainly: boolean) => void): void;
}

/** A message about leases, as `create` takes it. */
export type LeaseMessage =
  | {
      readonly case: "renewLeases";
      readonly value: { context: bigint; leaseIds: bigint[]; peek: boolean };
    }
  | {
      readonly case: "renewLeasesResult";
      readonly value: { context: bigint; rejected: boolean; ttlsMs: bigint[] };
    };

/** Leases named in a log line. */
const LOGGED_LEASES_MAX = 10;

/** Times the leases where this node leads, and passes renewals on to the leader where it does not. */
export class LeaseKeeper {
  private readonly node: LeaseSurroundings;
  private readonly logger: Logger;
  private readonly clock: LeaseClock;
  private readonly renewals: Renewals;

  constructor(node: LeaseSurroundings, logger: Logger, stallMs: number, firstContext: number) {
    this.node = node;
    this.logger = logger;
    this.clock = new LeaseClock(stallMs);
    this.renewals = new Renewals(firstContext);
  }

  /**
   * Renews leases at the leader, or with `peek` only asks what is left of them. Answered only once leadership has been
   * confirmed after the call came in.
   */
  renew(ids: readonly number[], peek: boolean, done: Renewed): void {
    const { leader, self } = this.node;
    if (leader === 0) {
      done(noQuorum);
    } else if (leader === self) {
      this.renewHere(ids, peek, done);
    } else {
      const context = BigInt(this.renewals.begin(done, performance.now()));
      this.node.sendLeaseMessage(leader, {
        case: "renewLeases",
        value: { context, leaseIds: ids.map(BigInt), peek },
      });
    }
  }

  private renewHere(ids: readonly number[], peek: boolean, done: Renewed): void {
    this.node.read((failure) => {
      if (failure !== undefined) done(failure);
      else if (!this.clock.isRunning) done(noQuorum);
      else {
        const nowMs = performance.now();
        done(ids.map((id) => (peek ? this.clock.remaining(id, nowMs) : this.clock.renew(id, nowMs))));
      }
    });
  }

  receive(from: number, message: Message): void {
    if (message.case === "renewLeasesResult") {
      const { context, rejected, ttlsMs } = message.value;
      this.renewals.answered(Number(context), rejected ? noQuorum : ttlsMs.map(Number));
      return;
    }
    const { context, leaseIds, peek } = message.value;
    const answer = (outcome: readonly number[] | Failure): void => {
      const rejected = "kind" in outcome;
      const value = { context, rejected, ttlsMs: rejected ? [] : outcome.map(BigInt) };
      this.node.sendLeaseMessage(from, { case: "renewLeasesResult", value });
    };
    if (this.node.leader === this.node.self) this.renewHere(leaseIds.map(Number), peek, answer);
    else answer(noQuorum);
  }

  /** An entry was applied. */
  applied({ leasesGranted, leasesEnded }: Applied): void {
    if (!this.clock.isRunning) return;
    const { machine } = this.node;
    const nowMs = performance.now();
    for (const id of leasesGranted) {
      const lease = machine.leaseInfo(id);
      if (lease !== undefined) this.clock.granted(lease, nowMs);
    }
    for (const id of leasesEnded) if (machine.leaseInfo(id) === undefined) this.clock.ended(id);
  }

  /** This node leads, and has applied everything of its predecessors: every lease gets its full time. */
  lead(): void {
    if (!this.clock.isRunning) {
      this.clock.start(this.node.machine.allLeases(), performance.now(), this.node.term);
    }
  }

  /** Leader or term changed, or the leader cannot be reached: what was asked of it may never be answered. */
  leaderChanged(): void {
    this.clock.stop();
    this.leaderLost();
  }

  leaderLost(): void {
    this.renewals.failAll(noQuorum);
  }

  tick(nowMs: number, giveUpMs: number): void {
    this.renewals.expire(nowMs, giveUpMs);
    const { term } = this.clock;
    const due = this.clock.tick(nowMs);
    // What a leader saw counts in its own term only.
    if (due.length === 0 || this.node.leader !== this.node.self || this.node.term !== term) return;
    this.logger.info({ leases: due.slice(0, LOGGED_LEASES_MAX), count: due.length }, "leases ran out");
    const asOfIndex = this.node.machine.appliedIndex;
    this.node.proposeExpiry({ term, leases: due, asOfIndex }, (certainly) =>
      this.clock.retry(due, certainly),
    );
  }

  stop(): void {
    this.clock.stop();
    this.renewals.failAll(stopping);
  }
}
