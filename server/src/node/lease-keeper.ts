import type { PeerMessage } from "@quorate/proto";
import type { Logger } from "pino";
import type { Applied, Checkpoint, Expire, StateMachine } from "../state-machine/index.js";
import { formatOf } from "./command-codec-format.js";
import { expiryUndecided, type Failure, noQuorum, stopping } from "./failure.js";
import { LeaseClock, type Settlement } from "./lease-clock.js";
import type { Fresh } from "./reads.js";
import { Renewals, type Renewed } from "./renewals.js";

type Message = Extract<PeerMessage["message"], { case: "renewLeases" | "renewLeasesResult" }>;

/** What the keeper needs of its node. */
export interface LeaseSurroundings {
  readonly self: number;
  readonly leader: number;
  readonly term: number;
  readonly machine: StateMachine;
  /** Never refused for load when `ofLeases`: for a keepalive. */
  read(fresh: Fresh, ofLeases: boolean): void;
  sendLeaseMessage(to: number, message: LeaseMessage): void;
  /** Whether every member understands commands of that format. */
  understands(format: number): boolean;
  /** Proposes something about leases; `settled` is called once, with what came of it. */
  proposeOfLeases(command: Expire | Checkpoint, settled: (settlement: Settlement) => void): void;
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

const CHECKPOINT_FORMAT = formatOf({ kind: "checkpoint", term: 0, leases: [], asOfIndex: 0 });

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
    const { term } = this.clock;
    if (!peek) this.clock.renewalBegins(ids, performance.now());
    this.node.read((failure) => {
      if (!peek) this.clock.renewalEnded(ids, term);
      if (failure !== undefined) done(failure);
      else if (!this.clock.isRunning) done(noQuorum);
      else if (peek) done(ids.map((id) => this.clock.remaining(id, performance.now())));
      else if (this.mustReset(ids)) this.resetAndRenew(ids, done);
      else done(this.clock.renew(ids, performance.now()) ?? expiryUndecided);
    }, !peek);
  }

  private mustReset(ids: readonly number[]): boolean {
    return this.clock.checkpointed(ids).length > 0 && !this.clock.undecided(ids);
  }

  /**
   * The log has a checkpoint of some of the leases: their renewal is an entry, so that the next leader cannot miss it,
   * and is answered once that is applied. It is one of all of them, since another may get its first checkpoint meanwhile.
   */
  private resetAndRenew(ids: readonly number[], done: Renewed): void {
    const { clock } = this;
    const { term } = clock;
    const alive = ids.filter((id) => this.node.machine.leaseInfo(id) !== undefined);
    clock.resetBegins(alive);
    const leases = alive.map((id) => ({ id, remainingMs: 0 }));
    this.node.proposeOfLeases(this.checkpointOf(leases, term), (settlement) => {
      const applied = settlement === "applied";
      clock.resetEnded(alive, term, applied);
      if (!applied || !clock.isRunning || clock.term !== term) done(noQuorum);
      else done(clock.renew(ids, performance.now()) ?? expiryUndecided);
    });
  }

  private checkpointOf(leases: Checkpoint["leases"], term: number): Checkpoint {
    return { kind: "checkpoint", term, leases, asOfIndex: this.node.machine.appliedIndex };
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

  /** This node leads, and has applied everything of its predecessors: leases get their time. */
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

  /** A renewal that is not confirmed within `giveUpMs` has failed, and holds nothing back any more. */
  tick(nowMs: number, giveUpMs: number): void {
    this.renewals.expire(nowMs, giveUpMs);
    const { clock, node } = this;
    const { term } = clock;
    const { expired, unrenewed } = clock.tick(nowMs, node.understands(CHECKPOINT_FORMAT), giveUpMs);
    if (expired.length === 0 && unrenewed.length === 0) return;
    // What a leader saw counts in its own term only.
    if (node.leader !== node.self || node.term !== term) return;
    if (expired.length > 0) {
      this.logger.info(
        { leases: expired.slice(0, LOGGED_LEASES_MAX), count: expired.length },
        "leases ran out",
      );
      const asOfIndex = node.machine.appliedIndex;
      node.proposeOfLeases({ kind: "expire", term, leases: expired, asOfIndex }, (settlement) =>
        clock.expirySettled(expired, term, settlement),
      );
    }
    if (unrenewed.length > 0) {
      node.proposeOfLeases(this.checkpointOf(unrenewed, term), () => clock.checkpointSettled(term));
    }
  }

  stop(): void {
    this.clock.stop();
    this.renewals.failAll(stopping);
  }
}
