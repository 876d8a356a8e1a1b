import { RaftCore } from "../../../server/src/raft/core.js";
import type { LogEntry } from "../../../server/src/raft/index.js";
import type { Membership, NodeView } from "../observation.js";
import type { Process } from "../world/process.js";
import { currentProcess } from "../world/world.js";

const cores = new WeakMap<Process, RaftCore>();
const { resetElectionTimer } = RaftCore.prototype;

/** Lets `coreOf` find each process's Raft: it draws its first election timeout when it is made. */
export function captureRafts(): void {
  RaftCore.prototype.resetElectionTimer = function (this: RaftCore): void {
    cores.set(currentProcess(), this);
    resetElectionTimer.call(this);
  };
}

/** The Raft of a server's process; undefined before there is one. */
export function coreOf(process: Process): RaftCore | undefined {
  return cores.get(process);
}

/** A node's Raft as the observer sees it: a live view. */
export class RaftView implements NodeView {
  readonly name: string;
  readonly boot: number;
  readonly #core: RaftCore;
  #membership: Membership | undefined;
  #seen: RaftCore["membership"] | undefined;

  constructor(name: string, boot: number, core: RaftCore) {
    this.name = name;
    this.boot = boot;
    this.#core = core;
  }

  get id(): number {
    return this.#core.config.id;
  }

  get role() {
    return this.#core.role;
  }

  get term(): number {
    return this.#core.term;
  }

  get vote(): number {
    return this.#core.vote;
  }

  get leader(): number {
    return this.#core.leader;
  }

  get commitIndex(): number {
    return this.#core.log.committed;
  }

  get appliedIndex(): number {
    return this.#core.log.applied;
  }

  get firstIndex(): number {
    return this.#core.log.start.index + 1;
  }

  get lastIndex(): number {
    return this.#core.log.lastIndex;
  }

  termAt(index: number): number | undefined {
    return this.#core.log.term(index);
  }

  configuration(): Membership {
    const { membership } = this.#core;
    if (this.#membership === undefined || this.#seen !== membership) {
      this.#seen = membership;
      const learners = membership.configuration.members.filter(({ role }) => role === "learner");
      this.#membership = { voters: membership.voters, learners: learners.map(({ id }) => id) };
    }
    return this.#membership;
  }

  /** Whether the configuration in effect holds a member whose address was changed. */
  get isReaddressed(): boolean {
    return this.#core.membership.configuration.members.some(({ readdressed }) => readdressed === true);
  }

  get configurationIndex(): number {
    return this.#core.configurationIndex;
  }

  get configurationHeld(): boolean {
    const { configurationIndex } = this;
    if (configurationIndex < this.firstIndex) return true;
    return configurationIndex <= this.lastIndex && this.entryAt(configurationIndex)?.kind === "configuration";
  }

  /** The entry at an index that the log holds. */
  entryAt(index: number): LogEntry | undefined {
    return this.#core.log.entries(index, index, 1)[0];
  }
}
