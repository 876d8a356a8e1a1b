import { LeaseKeeper } from "../../../server/src/node/lease-keeper.js";
import { Node } from "../../../server/src/node/node.js";
import type { Process } from "../world/process.js";
import { currentProcess, currentWorld } from "../world/world.js";

/** The renewals of a lease that a process has read and not answered. */
interface UnderWay {
  count: number;
  /** Since when there has been one, in local milliseconds. */
  readonly sinceMs: number;
}

/** What a server's process has read of renewals and not answered, by lease. */
class Renewals {
  readonly #underWay = new Map<number, UnderWay>();
  /** Leases of each request that a peer passed on, by peer and context. */
  readonly #passedOn = new Map<string, readonly number[]>();

  begin(ids: readonly number[], nowMs: number): void {
    for (const id of ids) {
      const known = this.#underWay.get(id);
      if (known === undefined) this.#underWay.set(id, { count: 1, sinceMs: nowMs });
      else known.count += 1;
    }
  }

  end(ids: readonly number[]): void {
    for (const id of ids) {
      const known = this.#underWay.get(id);
      if (known === undefined) continue;
      known.count -= 1;
      if (known.count === 0) this.#underWay.delete(id);
    }
  }

  passedOn(request: string, ids: readonly number[], nowMs: number): void {
    this.#passedOn.set(request, ids);
    this.begin(ids, nowMs);
  }

  answered(request: string): void {
    this.end(this.#passedOn.get(request) ?? []);
    this.#passedOn.delete(request);
  }

  /** Milliseconds for which a renewal of the lease has been under way; undefined when none is. */
  forMs(id: number, nowMs: number): number | undefined {
    const known = this.#underWay.get(id);
    return known === undefined ? undefined : nowMs - known.sinceMs;
  }
}

/** Told when a leader proposes to end a lease of which a renewal has been under way at it for so many local milliseconds. */
type ExpiryTold = (process: Process, lease: number, underWayMs: number) => void;

let renewals = new WeakMap<Process, Renewals>();
let told: ExpiryTold = () => undefined;

/** Tells of leases that are to end while a renewal is under way, from now on. */
export function observeExpiries(then: ExpiryTold): void {
  renewals = new WeakMap();
  told = then;
}

function here(): { readonly renewals: Renewals; readonly nowMs: number } {
  const process = currentProcess();
  let known = renewals.get(process);
  if (known === undefined) {
    known = new Renewals();
    renewals.set(process, known);
  }
  return { renewals: known, nowMs: process.monotonicMs(currentWorld().nowMs) };
}

const plainRenew = LeaseKeeper.prototype.renew;
LeaseKeeper.prototype.renew = function (this: LeaseKeeper, ids, peek, done): void {
  const { renewals: mine, nowMs } = here();
  if (!peek) mine.begin(ids, nowMs);
  plainRenew.call(this, ids, peek, (outcome) => {
    if (!peek) mine.end(ids);
    done(outcome);
  });
};

const plainReceive = LeaseKeeper.prototype.receive;
LeaseKeeper.prototype.receive = function (this: LeaseKeeper, from, message): void {
  if (message.case === "renewLeases" && !message.value.peek) {
    const { renewals: mine, nowMs } = here();
    mine.passedOn(`${from} ${message.value.context}`, message.value.leaseIds.map(Number), nowMs);
  }
  plainReceive.call(this, from, message);
};

const plainSend = Node.prototype.sendLeaseMessage;
Node.prototype.sendLeaseMessage = function (this: Node, to, message): void {
  if (message.case === "renewLeasesResult") here().renewals.answered(`${to} ${message.value.context}`);
  plainSend.call(this, to, message);
};

const plainLeaderChanged = LeaseKeeper.prototype.leaderChanged;
LeaseKeeper.prototype.leaderChanged = function (this: LeaseKeeper): void {
  // In a new leadership leases have their time again, and what was under way before is answered with a failure.
  renewals.delete(currentProcess());
  plainLeaderChanged.call(this);
};

const plainPropose = Node.prototype.proposeOfLeases;
Node.prototype.proposeOfLeases = function (this: Node, command, settled): void {
  if (command.kind === "expire") {
    const { renewals: mine, nowMs } = here();
    for (const id of command.leases) {
      const underWayMs = mine.forMs(id, nowMs);
      if (underWayMs !== undefined) told(currentProcess(), id, underWayMs);
    }
  }
  plainPropose.call(this, command, settled);
};
