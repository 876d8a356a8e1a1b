import type { Raft } from "../raft/index.js";
import type { Roster } from "./roster.js";

/** Follows who leads and where the members serve, by what Raft and their records say, and tells who wants to know. */
export class Leadership {
  private readonly raft: Raft;
  private readonly roster: Roster;
  private readonly listeners = new Set<() => void>();
  private seenTerm = 0;
  private seenLeader = 0;
  private seenUnheard = false;
  private seenEndpoint = "";
  private members: readonly string[] = [];
  private seenMembers = this.members;
  /** When this node was last led, in monotonic milliseconds; 0 before the first one. */
  private ledAtMs = 0;

  constructor(raft: Raft, roster: Roster) {
    this.raft = raft;
    this.roster = roster;
  }

  /** Client endpoint of the leader; "" when unknown. */
  get endpoint(): string {
    return this.roster.clientEndpointOf(this.raft.leader);
  }

  /** Client endpoints of the members; the same object until they change. */
  get memberEndpoints(): readonly string[] {
    return this.members;
  }

  /** Looks where the members serve now: from time to time, since it rarely changes. */
  lookAtMembers(): void {
    const endpoints = this.roster.clientEndpoints();
    if (endpoints.join() !== this.members.join()) this.members = endpoints;
  }

  /** Calls `listener` whenever leader, term or an endpoint changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Looks at Raft; calls `changed` when there is another leader or term, or the leader begins or ceases to hear this node,
   * and then the listeners.
   */
  notice(changed: () => void): void {
    const { term, leader, isUnheard } = this.raft;
    const { endpoint } = this;
    const another = term !== this.seenTerm || leader !== this.seenLeader || isUnheard !== this.seenUnheard;
    if (!another && endpoint === this.seenEndpoint && this.members === this.seenMembers) return;
    this.seenTerm = term;
    this.seenLeader = leader;
    this.seenUnheard = isUnheard;
    this.seenEndpoint = endpoint;
    this.seenMembers = this.members;
    if (another) changed();
    for (const listener of this.listeners) listener();
  }

  /**
   * Milliseconds for which no leader was known that hears this node; 0 while there is one, or before the first one. That a
   * new one does it must have shown, or a node that is never heard would wait anew with every leader.
   */
  leaderlessMs(nowMs: number): number {
    if (this.raft.isHeard) this.ledAtMs = nowMs;
    return this.ledAtMs === 0 ? 0 : nowMs - this.ledAtMs;
  }
}
