import type { Administration } from "../faults/scene.js";
import type { Observer } from "../observation.js";
import type { SimulationOptions } from "../run/options.js";
import { AdministrationProgram } from "../workload/administration.js";
import { Process } from "../world/process.js";
import type { Random } from "../world/random.js";
import type { World } from "../world/world.js";
import type { SimulatedCluster } from "./cluster.js";
import { clientAddress, nextPeerPort, peerAddress, type SimulatedNode } from "./simulated-node.js";

/** Voters below which none is removed, and beyond which none is added. */
const VOTERS_MIN = 3;
const VOTERS_MAX = 5;
/** Voters that are left when removals are contested: each of two sides may have its own removed. */
const CONTESTED_VOTERS_MIN = 2;
/** How many of the moves another member misses: it is down meanwhile, and the one that moved may lead when it is back. */
const MISSED_SHARE = 0.5;
/** Milliseconds at most for which it is down. */
const MISSED_MAX_MS = 10_000;
/** Milliseconds at most between what the cluster is told of a move and the restart of the node. */
const RESTART_MAX_MS = 2_000;
/** Milliseconds at most between that restart and a transfer to the node. */
const LEADS_MAX_MS = 4_000;

/** Decides what administrators do, and has it done by programs of a process of its own. */
export class Administrator implements Administration {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #process: Process;
  readonly #observer: Observer;
  readonly #failed: (error: unknown) => void;
  /** The second one only works when changes may be asked for at once. */
  readonly #programs: readonly AdministrationProgram[];
  #added = 0;
  /** Nodes that moved and are still to be restarted. */
  #restarts = 0;
  #healed = false;
  /** The only node that is asked, if any. */
  #asked: SimulatedNode | undefined;

  constructor(
    world: World,
    cluster: SimulatedCluster,
    random: Random,
    { concurrentChanges }: SimulationOptions,
    observer: Observer,
    failed: (error: unknown) => void,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#random = random;
    this.#observer = observer;
    this.#failed = failed;
    this.#process = new Process("admin", random.fork(1), world.nowMs, failed);
    this.#programs = Array.from({ length: concurrentChanges ? 2 : 1 }, () => new AdministrationProgram());
  }

  get busy(): boolean {
    return this.#restarts > 0 || this.#programs.some(({ busy }) => busy);
  }

  get doing(): string {
    return this.#programs.map(({ doing }) => doing).join(", ");
  }

  get changes(): number {
    return this.#programs.reduce((sum, { changes }) => sum + changes, 0);
  }

  get transfers(): number {
    return this.#programs.reduce((sum, { transfers }) => sum + transfers, 0);
  }

  start(): void {
    this.#world.runIn(this.#process, () => {
      for (const program of this.#programs) {
        program.run(() => this.#endpoints).catch(this.#failed);
      }
    });
  }

  get #endpoints(): string[] {
    return this.#asked === undefined
      ? this.#random.shuffled(this.#cluster.endpoints)
      : [clientAddress(this.#asked.name)];
  }

  get #idle(): AdministrationProgram | undefined {
    return this.#programs.find(({ busy }) => !busy);
  }

  #submit(program: AdministrationProgram, task: Parameters<AdministrationProgram["submit"]>[0]): void {
    program.reserve();
    this.#world.after(0, this.#process, task.kind, () => program.submit(task));
  }

  transfer(): boolean {
    return this.#transfer(
      this.#random.chance(0.5) ? undefined : this.#random.pick([...this.#cluster.nodes.keys()]),
    );
  }

  /** Has the leader asked to give way to any other voter, unless something is under way. */
  handOver(): boolean {
    return !this.busy && this.#transfer(undefined);
  }

  /** What was begun goes on; nothing new is begun. */
  heal(): void {
    this.#healed = true;
  }

  #transfer(to: string | undefined): boolean {
    const program = this.#idle;
    if (program === undefined) return false;
    this.#submit(program, { kind: "transfer", to });
    return true;
  }

  changeMembership(): boolean {
    const program = this.#idle;
    if (program === undefined) return false;
    const members = this.#members;
    if (members.some(({ damaged }) => damaged)) return false;
    const grow = members.length < VOTERS_MAX && (members.length <= VOTERS_MIN || this.#random.chance(0.5));
    if (grow) this.#add(program);
    else if (members.length > VOTERS_MIN) this.#remove(program, this.#random.pick(members));
    else return false;
    return true;
  }

  move(): boolean {
    const program = this.#idle;
    const members = this.#members;
    if (program === undefined || members.some(({ damaged }) => damaged)) return false;
    const node = this.#random.pick(members);
    if (this.#random.chance(MISSED_SHARE)) {
      this.#shutDown(this.#random.pick(members.filter((member) => member !== node)));
    }
    this.#move(program, node);
    return true;
  }

  /** Nodes that stay, as far as anybody knows. */
  get #members(): SimulatedNode[] {
    return [...this.#cluster.nodes.values()].filter(({ retired, leaving }) => !retired && !leaving);
  }

  #add(program: AdministrationProgram): void {
    const name = `a${++this.#added}`;
    this.#submit(program, {
      kind: "add",
      name,
      address: peerAddress(name),
      abandoned: () => this.#cluster.nodes.get(name)?.leaving ?? false,
      start: () => {
        // Outside of the administrator's own process.
        this.#world.after(0, undefined, "boot", () => {
          this.#cluster.boot(this.#cluster.add(name, []));
        });
      },
    });
  }

  #move(program: AdministrationProgram, node: SimulatedNode): void {
    const port = nextPeerPort(node);
    this.#submit(program, {
      kind: "move",
      name: node.name,
      address: `${node.name}:${port}`,
      abandoned: () => node.leaving || node.retired,
      moved: () => {
        node.peerPort = port;
        // Whoever restarts it does so later, and by then it may have been started at its new port by chance.
        this.#restarts++;
        this.#world.after(this.#random.between(0, RESTART_MAX_MS), undefined, "move", () => {
          this.#restarts--;
          if (node.retired) return;
          this.#cluster.kill(node, false);
          this.#cluster.boot(node);
          const leadsMs = this.#random.between(0, LEADS_MAX_MS);
          this.#world.after(leadsMs, this.#process, "lead", () => {
            if (!this.#healed) this.#transfer(node.name);
          });
        });
      },
    });
  }

  #shutDown(node: SimulatedNode): void {
    this.#world.after(0, undefined, "missing", () => this.#cluster.kill(node, false));
    this.#world.after(this.#random.between(0, MISSED_MAX_MS), undefined, "back", () =>
      this.#cluster.boot(node),
    );
  }

  #remove(program: AdministrationProgram, node: SimulatedNode): void {
    node.leaving = true;
    this.#submit(program, {
      kind: "remove",
      name: node.name,
      removed: () => {
        node.retired = true;
        if (node.id !== undefined) this.#observer.removalTold(node.id, this.#world.nowMs);
      },
    });
  }

  removeThrough(asked: SimulatedNode, nodes: readonly SimulatedNode[]): boolean {
    this.#asked = asked;
    let begun = false;
    for (const node of nodes) {
      const program = this.#idle;
      const members = this.#members;
      if (program === undefined || members.length <= CONTESTED_VOTERS_MIN || !members.includes(node)) break;
      this.#remove(program, node);
      begun = true;
    }
    return begun;
  }

  askAnybody(): void {
    this.#asked = undefined;
  }

  /** A node whose data are gone is removed, and another takes its place: of so many that a majority is left. */
  replaceLost(node: SimulatedNode): boolean {
    const [program] = this.#programs;
    const members = this.#members;
    if (this.busy || program === undefined || members.length < VOTERS_MIN || !members.includes(node)) {
      return false;
    }
    this.#remove(program, node);
    this.#add(program);
    return true;
  }
}
