import type { Logger } from "pino";
import type { Configuration, Raft } from "../raft/index.js";
import type { Peers } from "../transport/peers.js";
import type { Retirement } from "./retirement.js";
import type { Roster } from "./roster.js";

/** Does what follows from the cluster's configuration: links to its members, and this node's end when it is none. */
export class ConfigurationFollower {
  private readonly raft: Raft;
  private readonly roster: Roster;
  private readonly retirement: Retirement;
  private readonly logger: Logger;
  /** The configuration that the links were made for. */
  private linkedFor: Configuration | undefined;
  /** The one that was applied then. */
  private appliedThen: Configuration | undefined;

  constructor(raft: Raft, roster: Roster, retirement: Retirement, logger: Logger) {
    this.raft = raft;
    this.roster = roster;
    this.retirement = retirement;
    this.logger = logger;
  }

  /**
   * Links follow the configuration in effect, committed or not (thesis, section 4.1). A node that is joining has none
   * yet, and knows its peers from their calls.
   */
  link(peers: Peers): void {
    const { raft, roster } = this;
    const { configuration } = raft;
    const applied = roster.applied.configuration;
    if (configuration === this.linkedFor && applied === this.appliedThen) return;
    this.linkedFor = configuration;
    this.appliedThen = applied;
    const ownAddress = roster.ownAddress(configuration);
    peers.update(roster.peersOf(configuration), ownAddress, roster.isReaddressed(configuration));
  }

  /**
   * Another configuration was applied. A node that catches up applies those of before it was added: only one that follows
   * a membership is the end of it.
   */
  applied(wasMember: boolean): void {
    const { members } = this.roster.applied.configuration;
    this.logger.info(
      { members: members.map(({ name, role }) => (role === "learner" ? `${name} (learner)` : name)) },
      "the members of the cluster",
    );
    if (wasMember && !this.roster.includesSelf) this.retirement.begin("an entry of the log removed it");
  }
}
