import { mkdirSync } from "node:fs";
import { connect } from "@quorate/sdk";
import { askAll, type NodeLine, nodeLines, unreachableLine } from "../cluster-status.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import type { Display } from "./display.js";
import type { ClusterPlan, NodePlan } from "./node-plan.js";
import { NodeProcess } from "./node-process.js";

/** Between two looks at the nodes, in milliseconds: quick enough to see an election, idle enough for a laptop. */
const pollIntervalMs = 500;

/** The nodes of a local cluster, started, watched and stopped together. */
export class LocalCluster {
  readonly #plan: ClusterPlan;
  readonly #display: Display;
  readonly #nodes = new Map<string, NodeProcess>();
  readonly #stopping = new AbortController();
  #ready = false;
  #refused: CommandFailure | undefined;

  constructor(plan: ClusterPlan, display: Display) {
    this.#plan = plan;
    this.#display = display;
  }

  /** Starts every node. */
  start(): void {
    mkdirSync(this.#plan.dataDir, { recursive: true });
    for (const plan of this.#plan.nodes) this.#startNode(plan);
  }

  /**
   * Shows how the nodes fare until `stop` is called.
   *
   * @throws CommandFailure when a node refuses to start before the cluster was ever ready.
   */
  async watch(): Promise<void> {
    const endpoints = this.#plan.nodes.map((node) => node.endpoint);
    const client = await connect(endpoints, { session: false });
    try {
      while (!this.#stopping.signal.aborted) {
        const nodes = this.#lines(nodeLines([], await askAll(client, endpoints)));
        if (this.#refused !== undefined) throw this.#refused;
        if (this.#stopping.signal.aborted) break;
        this.#display.show(nodes);
        this.#announce(nodes);
        await this.#pause();
      }
    } finally {
      await client.close();
    }
  }

  /** Starts the nodes that have ended again. */
  restartEnded(): void {
    for (const node of [...this.#nodes.values()]) {
      if (node.exit === undefined || this.#stopping.signal.aborted) continue;
      this.#display.say(`${node.plan.name}: starting again`);
      this.#startNode(node.plan);
    }
  }

  /** Stops every node in order. Resolves when no process is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#nodes.values()].map((node) => node.stop()));
  }

  /** Ends every node at once. */
  kill(): void {
    for (const node of this.#nodes.values()) node.kill();
  }

  #startNode(plan: NodePlan): void {
    const node = new NodeProcess(plan);
    this.#nodes.set(plan.name, node);
    void node.ended.then((exit) => {
      if (this.#stopping.signal.aborted) return;
      const how = exit.signal ?? `exit code ${exit.code}`;
      // Killed from outside, it had no time for words about it.
      const words = exit.lastWords === "" || exit.signal !== null ? "" : `: ${exit.lastWords}`;
      // A node that will not even start points at the configuration, and waiting would not help.
      if (!this.#ready && exit.code === exitCode.usage) {
        this.#refused = new CommandFailure(
          exitCode.usage,
          `${plan.name} does not start${words} (log: ${plan.logPath})`,
        );
        return;
      }
      this.#display.say(`${plan.name} ended (${how})${words}`);
      this.#display.say(`  log: ${plan.logPath}`);
      this.#display.say(`  bring it back: press r, or run  quorate server ${plan.flags.join(" ")}`);
    });
  }

  #announce(nodes: readonly NodeLine[]): void {
    const leader = nodes.find((node) => node.role === "leader");
    if (this.#ready || leader === undefined) return;
    this.#ready = true;
    const endpoints = this.#plan.nodes.map((node) => node.endpoint).join(",");
    this.#display.say(`ready: ${endpoints} (${leader.name} leads)`);
  }

  /** Names the unreachable nodes, which could not tell their names themselves, and puts all in order. */
  #lines(nodes: readonly NodeLine[]): NodeLine[] {
    return this.#plan.nodes.map(({ name, endpoint }) => {
      const line = nodes.find((node) => node.endpoint === endpoint);
      return line === undefined ? unreachableLine(name, endpoint) : { ...line, name };
    });
  }

  async #pause(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, pollIntervalMs);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
