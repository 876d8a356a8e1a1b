import { clusterStatus } from "../cluster-status.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { nodeTable } from "../output/node-table.js";

/** `quorate status`: every node, its role and how far it is; exits 3 when no node leads. */
export const registerStatus: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "status",
    "Show every node: role, term, revision; exits 3 when none leads",
    (command) =>
      command
        .example("$0 status", "A table of the nodes")
        .example(
          "$0 status --output json",
          'A document {"nodes": [{name, endpoint, role, term, revision, appliedIndex, history}], "strangers": [endpoint]}',
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const { nodes, strangers } = await clusterStatus(options.endpoints);
      if (options.output === "json") writeJson(terminal, { nodes, strangers });
      else terminal.out(`${nodeTable(nodes).join("\n")}\n`);
      for (const endpoint of strangers) {
        terminal.error(
          `quorate: ${endpoint} does not answer and is no member's endpoint: take it out of --endpoints`,
        );
      }
      if (nodes.some((node) => node.role === "leader")) return;
      const reachable = nodes.filter((node) => node.role !== "unreachable").length;
      throw new CommandFailure(
        exitCode.unavailable,
        reachable === 0
          ? "no node can be reached; check --endpoints and that the nodes run (`quorate dev` starts a local cluster)"
          : `no node leads, so there is no quorum: ${reachable} of ${nodes.length} nodes can be reached`,
      );
    },
  );
