import type { RegisterCommand } from "../command.js";
import { type Display, displayFor } from "../dev/display.js";
import { checkPortsFree } from "../dev/free-ports.js";
import { listenForKeys } from "../dev/keys.js";
import { LocalCluster } from "../dev/local-cluster.js";
import { type ClusterPlan, planCluster } from "../dev/node-plan.js";
import { listenForInterruption } from "../signals/interruption.js";
import type { Terminal } from "../terminal.js";
import { wholeNumber } from "../whole-number.js";

/** `quorate dev`: a cluster on this machine, stopped with Ctrl-C; its data stays for the next time. */
export const registerDev: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "dev",
    "Start a local cluster and show how it fares; Ctrl-C stops it, the data stays",
    (command) =>
      command
        .option("nodes", {
          choices: ["3", "5"] as const,
          default: "3" as const,
          describe: "How many nodes",
        })
        .option("data-dir", {
          type: "string",
          requiresArg: true,
          default: ".quorate",
          describe: "Data and logs",
        })
        .option("port", {
          type: "string",
          requiresArg: true,
          default: "7400",
          describe: "First client port; node k uses port + 10·k, and the two above for peers and HTTP",
        })
        .example("$0 dev", "Three nodes on ports 7400, 7410 and 7420")
        .example("$0 dev --nodes 5 --data-dir /tmp/q --port 9400", "Five nodes elsewhere"),
    async (argv) => {
      const port = wholeNumber("port", argv.port, 1) ?? 0;
      const plan = planCluster({ nodes: Number(argv.nodes), port, dataDir: argv.dataDir });
      await checkPortsFree(plan);
      await runCluster(plan, terminal);
    },
  );

async function runCluster(plan: ClusterPlan, terminal: Terminal): Promise<void> {
  const display = displayFor(terminal, "q or Ctrl-C stops the cluster; r starts nodes that ended again");
  const cluster = new LocalCluster(plan, display);
  let stopped: Promise<void> | undefined;
  let requests = 0;
  const quit = (): void => {
    requests += 1;
    // Whoever asks twice does not want to wait.
    if (requests > 1) cluster.kill();
    stopped ??= announceStop(cluster, display);
  };
  const interruption = listenForInterruption(quit);
  const keys = listenForKeys({ quit, restart: () => cluster.restartEnded() });
  try {
    introduce(plan, display);
    cluster.start();
    await cluster.watch();
  } finally {
    await (stopped ?? cluster.stop());
    keys.close();
    display.close();
    interruption.stop();
  }
}

async function announceStop(cluster: LocalCluster, display: Display): Promise<void> {
  display.say("stopping…");
  await cluster.stop();
  display.say("stopped; the data stays for the next start");
}

function introduce(plan: ClusterPlan, display: Display): void {
  const endpoints = plan.nodes.map((node) => node.endpoint).join(",");
  display.say(`quorate: ${plan.nodes.length} nodes, data and logs in ${plan.dataDir}`);
  display.say(`  command line:  export QUORATE_ENDPOINTS=${endpoints}; quorate put /hello world`);
  display.say(`  TypeScript:    const quorate = await connect("${endpoints}");`);
}
