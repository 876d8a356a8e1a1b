import type { RaftConfig } from "./config.js";

/** Heartbeats by which what a leader gives back is late when all is well: the one it was sent in, and the next one. */
const ECHO_HEARTBEATS = 2;
/** Where a run's own numbers may begin: so many that those of an earlier run of the process are no numbers of this one. */
const ORIGINS = 2 ** 32;

type HearingConfig = Pick<RaftConfig, "electionTicks" | "heartbeatTicks" | "random">;

/**
 * Whether the leader that a follower hears also hears it. The two directions of a pair are connections of their own, and
 * one may fail alone. Each answer to a heartbeat carries the follower's time in numbers of its own, and the leader's
 * next heartbeat gives back the last one that it took. So the follower measures on its own clock, and heartbeats that
 * come late, twice or in another order tell it nothing wrong.
 *
 * Invariant: a follower that heartbeats of the present leader reach, and of which that leader has taken nothing that was
 * sent within an election timeout and two heartbeats, knows it. It answers nobody as if it were led, and goes on following
 * all the same: the cluster has a leader, and an election that it could not win would only disturb it.
 */
export class Hearing {
  private readonly patienceTicks: number;
  /** The number of tick 0: never 0, which stands for nothing heard. */
  private readonly origin: number;
  /** When the newest answer that the leader is known to have taken was sent; at first, when it was first heard of. */
  private heardTick = 0;
  /** The leader's version gives back what it heard. */
  private echoes = false;
  /** This leader gave back something of this run, or is of a version that cannot. */
  private confirmed = false;

  constructor({ electionTicks, heartbeatTicks, random }: HearingConfig) {
    this.patienceTicks = electionTicks + ECHO_HEARTBEATS * heartbeatTicks;
    this.origin = 1 + Math.floor(random() * ORIGINS);
  }

  /** A leader of another term, or none, from now on. */
  follows(nowTick: number): void {
    this.heardTick = nowTick;
    this.echoes = false;
    this.confirmed = false;
  }

  /** What to send for the leader to give back. */
  numberOf(tick: number): number {
    return this.origin + tick;
  }

  /** The leader gave back `number`; undefined when its version gives nothing back. */
  echoed(number: number | undefined, nowTick: number): void {
    if (number === undefined) {
      this.confirmed = true;
      return;
    }
    this.echoes = true;
    const tick = number - this.origin;
    // One of an earlier run of this process says nothing of this one.
    if (tick < this.heardTick || tick > nowTick) return;
    this.heardTick = tick;
    this.confirmed = true;
  }

  /** Whether the leader has shown that it hears this node: a new one has not yet, and is given time to. */
  isConfirmed(nowTick: number): boolean {
    return this.confirmed && !this.isLost(nowTick);
  }

  /** Whether the leader has heard nothing of this node for too long. */
  isLost(nowTick: number): boolean {
    return this.echoes && nowTick - this.heardTick > this.patienceTicks;
  }
}
