import type { Configuration } from "./configuration.js";

/** A configuration as one of the nodes sees it: who votes, and how many make a majority. */
export class Membership {
  readonly configuration: Configuration;
  readonly voters: readonly number[];
  /** Every other member, learners included. */
  readonly others: readonly number[];
  /** Voters that are more than half of all voters. */
  readonly quorum: number;
  /** Whether this node votes. */
  readonly isVoter: boolean;

  constructor(configuration: Configuration, self: number) {
    const { members } = configuration;
    this.configuration = configuration;
    this.voters = members.filter(({ role }) => role === "voter").map(({ id }) => id);
    this.others = members.filter(({ id }) => id !== self).map(({ id }) => id);
    this.quorum = Math.floor(this.voters.length / 2) + 1;
    this.isVoter = this.voters.includes(self);
  }

  /** Whether this node is all the majority that is needed. */
  get isAlone(): boolean {
    return this.isVoter && this.quorum === 1;
  }

  includes(id: number): boolean {
    return this.configuration.members.some((member) => member.id === id);
  }

  roleOf(id: number): "voter" | "learner" | undefined {
    return this.configuration.members.find((member) => member.id === id)?.role;
  }
}
