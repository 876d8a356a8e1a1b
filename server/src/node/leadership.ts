import type { Raft } from "../raft/index.js";
import type { Roster } from "./roster.js";

/** Follows who leads, by what Raft and the members' records say, and tells who wants to know. */
export class Leadership {
  private readonly raft: Raft;
  private readonly roster: Roster;
  private readonly listeners = new Set<() => void>();
  private seenTerm = 0;
  private seenLeader = 0;
  private seenEndpoint = "";
  /** When the leader was last known, in monotonic milliseconds; 0 before the first one. */
  private ledAtMs = 0;

  constructor(raft: Raft, roster: Roster) {
    this.raft = raft;
    this.roster = roster;
  }

  /** Client endpoint of the leader; "" when unknown. */
  get endpoint(): string {
    return this.roster.clientEndpointOf(this.raft.leader);
  }

  /** Calls `listener` whenever leader, term or the leader's endpoint changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Looks at Raft; calls `changed` when there is another leader or term, and then the listeners. */
  notice(changed: () => void): void {
    const { term, leader } = this.raft;
    const { endpoint } = this;
    const another = term !== this.seenTerm || leader !== this.seenLeader;
    if (!another && endpoint === this.seenEndpoint) return;
    this.seenTerm = term;
    this.seenLeader = leader;
    this.seenEndpoint = endpoint;
    if (another) changed();
    for (const listener of this.listeners) listener();
  }

  /** Milliseconds for which no leader was known; 0 while there is one, or before the first one. */
  leaderlessMs(nowMs: number): number {
    if (this.raft.leader !== 0) this.ledAtMs = nowMs;
    return this.ledAtMs === 0 ? 0 : nowMs - this.ledAtMs;
  }
}
