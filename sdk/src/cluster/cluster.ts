import type { CallOptions } from "../client/options.js";
import type { Member } from "./member.js";
import type { NodeStatus } from "./node-status.js";

/**
 * The calls about the cluster itself. Those that change it may be asked at any node, and resolve when the change is
 * committed and applied there. They reject with MembershipRefused when it cannot be made now: the message says why.
 *
 * ```ts
 * await quorate.addMember("n4", "10.0.0.4:7401");
 * // … start the node with --name n4 --join, and wait until it has caught up …
 * await quorate.promoteMember("n4");
 * ```
 */
export interface Cluster {
  /** A node's own view of itself: the one at `endpoint`, or any that answers. Needs no quorum. */
  status(endpoint?: string, options?: CallOptions): Promise<NodeStatus>;
  /** The members, as any node that answers knows them. Needs no quorum. Their endpoints are used from then on. */
  members(options?: CallOptions): Promise<Member[]>;
  /**
   * Adds a member as a learner, whose peers will dial it at `peerAddress`. A member of the same name and address that
   * exists already is returned as it is, so the call may be repeated.
   */
  addMember(name: string, peerAddress: string, options?: CallOptions): Promise<Member>;
  /** Gives a learner, by name or id, a vote. Refused until it has caught up with the log. */
  promoteMember(member: string, options?: CallOptions): Promise<Member>;
  /**
   * Changes where a member, by name or id, is dialled by its peers; restart its node there afterwards. Refused when the other
   * voters that are up would have no quorum. May be repeated.
   */
  updateMember(member: string, peerAddress: string, options?: CallOptions): Promise<Member>;
  /** Removes a member, by name or id, for good. Refused when the rest would have no quorum. */
  removeMember(member: string, options?: CallOptions): Promise<void>;
  /**
   * Makes a voter, by name or id, the leader; without one, the leader chooses. Resolves to the leader. Rejects with
   * OutcomeUnknown when the voter may have taken over, or still do so: `members` tells who leads.
   */
  transferLeadership(member?: string, options?: CallOptions): Promise<Member>;
}
