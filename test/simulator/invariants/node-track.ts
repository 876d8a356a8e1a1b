import type { Role } from "../../../server/src/raft/index.js";
import type { StateMachine } from "../../../server/src/state-machine/index.js";
import type { Membership, NodeView } from "../observation.js";

/** What was last seen of a node in its present life. */
export class NodeTrack {
  readonly id: number;
  boot: number;
  /** Whether its process runs. */
  up = true;
  role: Role = "follower";
  term: number;
  vote: number;
  commitIndex: number;
  /** The applied index as Raft knows it. */
  appliedIndex: number;
  lastIndex: number;
  configuration: Membership;
  /** The applied index as the state machine has it; a crash takes it back to what is on disk. */
  machineIndex: number;
  /** The highest of all its lives. */
  machineIndexMax: number;
  /** Its state machine, once it has applied an entry in this life. */
  machine: StateMachine | undefined;

  /** A node's first life. Every life begins as a follower: one that leads by its first step is elected in it. */
  constructor(node: NodeView) {
    this.id = node.id;
    this.boot = node.boot;
    this.term = node.term;
    this.vote = node.vote;
    this.commitIndex = node.commitIndex;
    this.appliedIndex = node.appliedIndex;
    this.lastIndex = node.lastIndex;
    this.configuration = node.configuration();
    this.machineIndex = node.appliedIndex;
    this.machineIndexMax = node.appliedIndex;
  }

  /** A new life of the same node. */
  restarted(node: NodeView): void {
    this.boot = node.boot;
    this.up = true;
    this.machine = undefined;
    this.machineIndex = node.appliedIndex;
    this.machineIndexMax = Math.max(this.machineIndexMax, node.appliedIndex);
    this.update(node);
    this.role = "follower";
  }

  /** Whether the node looks as it did when last seen: most steps change nothing that an invariant is about. */
  same(node: NodeView): boolean {
    return (
      this.commitIndex === node.commitIndex &&
      this.lastIndex === node.lastIndex &&
      this.appliedIndex === node.appliedIndex &&
      this.term === node.term &&
      this.role === node.role &&
      this.vote === node.vote
    );
  }

  update(node: NodeView): void {
    this.role = node.role;
    this.term = node.term;
    this.vote = node.vote;
    this.commitIndex = node.commitIndex;
    this.appliedIndex = node.appliedIndex;
    this.lastIndex = node.lastIndex;
    this.configuration = node.configuration();
  }
}
